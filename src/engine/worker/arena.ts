/**
 * Where a job's buffers lie in a worker's memory: one after the other, 64-byte aligned, each with 64 bytes of room
 * behind it, as the SIMD loops expect. Pure arithmetic, so that the plan knows what a worker needs.
 */
import type { BlockFormat, CodebookFormat } from "../../../codecs/codec.ts";
import { MAX_TABLES } from "../../../codecs/codebooks/codebook-format.ts";
import { preparedBytes } from "../../../codecs/codebooks/prepared-codebook.ts";
import { isCodebookFormat } from "../../../codecs/registry.ts";
import { layoutTable } from "../../../layouts/layout-table.ts";
import { allocator } from "../../allocator.ts";
import { fitBytes } from "../../fit/module-steps.ts";
import { kernelScratchBytes, expandedRowBytes } from "../../kernels/kernel-numbers.ts";
import { ERROR_SUM_COUNT } from "../../verify/error-sums.ts";
import { PRODUCT_SUM_COUNT, SAMPLE_ROWS } from "../../verify/kernel-check.ts";
import { XXH64_STATE_BYTES } from "../../verify/xxh64.ts";
import type { JobShape, JobSide } from "./job-shape.ts";

/** Addresses; what a job does not need has no bytes of its own. */
export interface Arena {
  /** A band as the source file holds it, and as the output file will: each in its own layout. */
  readonly input: number;
  readonly output: number;
  /** A strip of the input in rows; unused where the input lies in rows itself. */
  readonly inputRowMajor: number;
  /** The strip's weights, f32. */
  readonly weights: number;
  /** The strip as encoded blocks in rows; unused where the output lies in rows itself. */
  readonly encoded: number;
  /** For verification: the strip of the output unpacked to rows again (unused as above), and its weights. */
  readonly outputRowMajor: number;
  readonly decoded: number;
  readonly importance: number;
  readonly sums: number;
  readonly productSums: number;
  readonly hash: number;
  /** Tables of both layouts, and prepared codebooks of both formats, for the SIMD twins. */
  readonly sourceLayoutTable: number;
  readonly targetLayoutTable: number;
  readonly sourceCodebook: number;
  readonly targetCodebook: number;
  readonly kernelRoom: number;
  /** First byte behind all of them. */
  readonly end: number;
}

/** True when the blocks of several rows are interleaved, false for `rows`. */
export function isInterleaved({ layout }: JobSide): boolean {
  return layout.name !== "rows";
}

/** Bytes of a format's prepared codebook with as many tables as it may have; 0 for formats without learned tables. */
function codebookBytes(format: BlockFormat): number {
  return isCodebookFormat(format) ? preparedBytes(format, MAX_TABLES) : 0;
}

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Lays out the buffers of a job's bands from address `base` on. */
export function planArena(shape: JobShape, base: number): Arena {
  const { take, end } = allocator(base);
  const { source, target, bandRows, stripRows, rowLength, isCopy, isVerbatim } = shape;
  const stripBytes = (side: JobSide): number => (isInterleaved(side) ? stripRows * side.rowBytes : 0);
  const weightBytes = isCopy ? 0 : stripRows * rowLength * FLOAT_BYTES;
  const input = take(bandRows * source.rowBytes);
  return {
    input,
    output: isVerbatim ? input : take(bandRows * target.rowBytes),
    inputRowMajor: take(stripBytes(source)),
    weights: take(weightBytes),
    encoded: take(isCopy ? 0 : stripBytes(target)),
    outputRowMajor: take(isCopy ? 0 : stripBytes(target)),
    decoded: take(weightBytes),
    importance: take(rowLength * FLOAT_BYTES),
    sums: take(ERROR_SUM_COUNT * Float64Array.BYTES_PER_ELEMENT),
    productSums: take(PRODUCT_SUM_COUNT * Float64Array.BYTES_PER_ELEMENT),
    hash: take(XXH64_STATE_BYTES),
    sourceLayoutTable: take(layoutTable(source.layout).length),
    targetLayoutTable: take(layoutTable(target.layout).length),
    sourceCodebook: take(codebookBytes(source.format)),
    targetCodebook: take(codebookBytes(target.format)),
    kernelRoom: take(isCopy ? 0 : kernelRoom(rowLength, 0).end),
    end: end(),
  };
}

/** What a kernel works with, from address `base` on: activations as f32 and quantized, products, scratch. */
export function kernelRoom(rowLength: number, base: number) {
  const { take, end } = allocator(base);
  return {
    values: take(rowLength * FLOAT_BYTES),
    acts: take(expandedRowBytes(rowLength, false)),
    out: take(SAMPLE_ROWS * FLOAT_BYTES),
    scratch: take(kernelScratchBytes(1)),
    end: end(),
  };
}

/** Addresses of what a fit needs; they lie apart from those of bands, so that neither disturbs the other. */
export interface FitArena {
  /** One group of rows: as stored, in rows, as weights. */
  readonly input: number;
  readonly inputRowMajor: number;
  readonly weights: number;
  readonly sourceLayoutTable: number;
  readonly sourceCodebook: number;
  /** For the steps of its rounds. */
  readonly stepRoom: number;
  readonly end: number;
}

/**
 * Lays out the buffers of a fit from address `base` on.
 * @param fittedWeights weights of the sample that the fit works on, at most
 */
export function planFitArena(shape: JobShape, fittedWeights: number, base: number): FitArena {
  const { source, target, rowLength } = shape;
  const { take, end } = allocator(base);
  const { rowsPerGroup } = source.layout;
  const input = take(rowsPerGroup * source.rowBytes);
  return {
    input,
    inputRowMajor: isInterleaved(source) ? take(rowsPerGroup * source.rowBytes) : input,
    weights: take(rowsPerGroup * rowLength * FLOAT_BYTES),
    sourceLayoutTable: take(layoutTable(source.layout).length),
    sourceCodebook: take(codebookBytes(source.format)),
    stepRoom: take(fitBytes(target.format as CodebookFormat, fittedWeights, true)),
    end: end(),
  };
}
