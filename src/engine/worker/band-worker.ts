/**
 * What a worker does with a band: read the stored bytes; strip by strip, bring them into the target's form and look at
 * what came out; write it all at its place.
 *
 *   copy      read -> unpack -> pack -> write                  (read -> write, where both layouts are the same)
 *   convert   read -> unpack -> decode -> encode -> pack -> write, then verify what was written:
 *             unpack -> decode -> error sums, kernels on a few rows
 *   compare   read -> unpack -> decode, read the file under test, then verify as above
 */
import type { BlockFormat, Codebook } from "../../../codecs/codec.ts";
import { findFormat, isCodebookFormat } from "../../../codecs/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { readTensorRows } from "../../read/read-tensor.ts";
import { ERROR_SUM_COUNT } from "../../verify/error-sums.ts";
import { PRODUCT_SUM_COUNT, sampledRows } from "../../verify/kernel-check.ts";
import { seededActivations } from "../../verify/seeded-activations.ts";
import { xxh64Finish, xxh64Start, XXH64_STATE_BYTES } from "../../verify/xxh64.ts";
import { writeAll } from "../../write/write-all.ts";
import { isInterleaved, planArena, type Arena } from "./arena.ts";
import type { Band } from "./bands.ts";
import type { Backend, BoundCodec, BoundLayout, ReadyCodec } from "./backend.ts";
import { jobShape, type JobShape } from "./job-shape.ts";
import type { BandResult, BandTask, TensorJob, WorkerSetup } from "./tasks.types.ts";

/** Open files of one worker. */
export interface WorkerFiles {
  readonly source: readonly number[];
  readonly written: readonly number[];
  readonly outputs: readonly number[];
}

/** A job, bound to a worker's memory and to the tables of one slice. */
interface BoundJob {
  readonly job: TensorJob;
  readonly shape: JobShape;
  readonly arena: Arena;
  /** Absent for copies: they need no arithmetic. */
  readonly codecs: { readonly source: BoundCodec; readonly target: BoundCodec } | undefined;
  /**
   * NaN and infinite weights are found in the error sums, after encoding: any encoder but the codebooks' makes some
   * block of them. False where that search must not see them, or nothing is summed: weights are then checked before.
   */
  readonly checksSums: boolean;
  /** Blocks are decoded once to find scales that overflowed: where nothing is verified, and weights may be so large. */
  readonly checksRange: boolean;
  readonly sourceLayout: BoundLayout;
  readonly targetLayout: BoundLayout;
  /** Absent where no kernels are run. */
  readonly checkProducts: ReturnType<Backend["bindKernel"]>;
}

/** Weights of this type never overflow a block's half-precision scale: it is a fraction of the largest of them. */
const HALF = findFormat("f16");

/** Codecs of the slices that were worked on last: two tensors may be under way at a time, with source and target. */
const READY_CODECS = 8;

/** Prepares codecs, and keeps the last few. */
function readyCodecs(): (key: string, make: () => ReadyCodec) => ReadyCodec {
  const kept = new Map<string, ReadyCodec>();
  return (key, make) => {
    const ready = kept.get(key) ?? make();
    kept.delete(key);
    kept.set(key, ready);
    if (kept.size > READY_CODECS) kept.delete(kept.keys().next().value!);
    return ready;
  };
}

function bindJob(
  { verify, effort, jobs }: WorkerSetup,
  backend: Backend,
  ready: ReturnType<typeof readyCodecs>,
  index: number,
  slice: number,
  codebook: Codebook | undefined,
): BoundJob {
  const job = jobs[index]!;
  const shape = jobShape(job);
  const arena = planArena(shape, backend.base);
  const { source, target } = shape;
  const sourceBook = job.tensor.codebooks?.[slice];
  const targetBook = codebook ?? job.written?.codebooks?.[slice];
  const importance = job.importance?.subarray(slice * shape.rowLength, (slice + 1) * shape.rowLength);
  if (importance !== undefined) {
    new Float32Array(backend.memory.buffer, arena.importance, shape.rowLength).set(importance);
  }
  const key = `${index}/${slice}`;
  const codecs = shape.isCopy
    ? undefined
    : {
        source: backend.bindCodec(
          ready(`${key} source`, () => backend.prepare(source.format, sourceBook)),
          arena.sourceCodebook,
        ),
        target: backend.bindCodec(
          ready(key, () => backend.prepare(target.format, targetBook, shape.isComparison ? undefined : effort)),
          arena.targetCodebook,
        ),
      };
  const targetLayout = backend.bindLayout(target.layout, arena.targetLayoutTable);
  return {
    job,
    shape,
    arena,
    codecs,
    checksRange: verify === "off" && !shape.isCopy && source.format !== HALF && !isCodebookFormat(target.format),
    checksSums: verify !== "off" && !isCodebookFormat(target.format),
    sourceLayout: backend.bindLayout(source.layout, arena.sourceLayoutTable),
    targetLayout,
    checkProducts:
      verify === "kernels" && codecs !== undefined
        ? backend.bindKernel(
            { layout: targetLayout, codec: codecs.target, codebook: targetBook },
            seededActivations(shape.rowLength),
            arena.kernelRoom,
          )
        : undefined,
  };
}

/** Makes the function that works on bands; it owns `backend`'s memory. */
export function bandWorker(setup: WorkerSetup, backend: Backend, files: WorkerFiles): (task: BandTask) => BandResult {
  const bytes = (address: number, length: number): Uint8Array => backend.memory.subarray(address, address + length);
  const ready = readyCodecs();
  let bound: { readonly key: string; readonly job: BoundJob } | undefined;

  /** Neighbouring bands mostly belong to one slice: tables are prepared once. */
  const bind = (job: number, slice: number, codebook?: Codebook): BoundJob => {
    const key = `${job}/${slice}`;
    if (bound?.key !== key) bound = { key, job: bindJob(setup, backend, ready, job, slice, codebook) };
    return bound.job;
  };

  /** Reads a band: source bytes, and those under test when there are some to compare with. */
  const read = ({ job, shape, arena }: BoundJob, { startRow, endRow }: Band): void => {
    const rows = endRow - startRow;
    const input = bytes(arena.input, rows * shape.source.rowBytes);
    readTensorRows(setup.files, files.source, job.tensor, startRow, endRow, input);
    if (!shape.isComparison) return;
    const written = bytes(arena.output, rows * shape.target.rowBytes);
    readTensorRows(setup.writtenFiles, files.written, job.written!, startRow, endRow, written);
  };

  const hashOf = ({ hash }: Arena, address: number, length: number): bigint => {
    const state = bytes(hash, XXH64_STATE_BYTES);
    xxh64Start(state);
    backend.addToHash(hash, address, length);
    return xxh64Finish(state);
  };

  /** Brings a strip at `input` into the target's form at `output`; `row` is its first one. */
  const convert = (task: BoundJob, input: number, output: number, row: number, rows: number): void => {
    const { job, shape, arena, codecs, sourceLayout, targetLayout } = task;
    const { rowLength, source, target } = shape;
    const blocks = isInterleaved(source) ? arena.inputRowMajor : input;
    if (isInterleaved(source)) backend.unpack(sourceLayout, input, blocks, rows, source.rowBytes);
    if (codecs !== undefined) {
      codecs.source.decode(blocks, arena.weights, rows * rowLength);
      if (!task.checksSums && !backend.allFinite(arena.weights, rows * rowLength)) {
        throw notFinite(backend, arena.weights, row, rows, rowLength);
      }
    }
    if (shape.isComparison) return;
    const encoded = codecs === undefined ? blocks : isInterleaved(target) ? arena.encoded : output;
    if (codecs !== undefined) {
      const importance = job.importance === undefined ? 0 : arena.importance;
      codecs.target.encode(arena.weights, encoded, rows, rowLength, importance);
      if (task.checksRange) {
        codecs.target.decode(encoded, arena.decoded, rows * rowLength);
        if (!backend.allFinite(arena.decoded, rows * rowLength)) {
          throw notRepresentable(backend, arena, row, rows, rowLength, target.format);
        }
      }
    }
    if (isInterleaved(target)) backend.pack(targetLayout, encoded, output, rows, target.rowBytes);
    else if (encoded !== output) backend.memory.copyWithin(output, encoded, encoded + rows * target.rowBytes);
  };

  /** Decodes the strip at `output` and adds up how far it is from `weights`; kernels see its first `sampled` rows. */
  const check = (task: BoundJob, output: number, row: number, rows: number, sampled: number): void => {
    const { shape, arena, codecs, targetLayout, checkProducts } = task;
    const { rowLength, target } = shape;
    const blocks = isInterleaved(target) ? arena.outputRowMajor : output;
    if (isInterleaved(target)) backend.unpack(targetLayout, output, blocks, rows, target.rowBytes);
    codecs!.target.decode(blocks, arena.decoded, rows * rowLength);
    backend.addErrorSums(arena.weights, arena.decoded, rows, rowLength, arena.sums);
    const [, weights, decoded] = new Float64Array(backend.memory.buffer, arena.sums, ERROR_SUM_COUNT);
    if (!Number.isFinite(weights)) throw notFinite(backend, arena.weights, row, rows, rowLength);
    if (!Number.isFinite(decoded)) throw notRepresentable(backend, arena, row, rows, rowLength, target.format);
    if (sampled > 0) checkProducts?.(output, arena.weights, sampled, arena.productSums);
  };

  return ({ job: index, index: bandIndex, band, codebook }) => {
    const start = performance.now();
    const task = bind(index, band.slice, codebook);
    const { job, arena, shape, checkProducts } = task;
    const { stripRows, source, target, rowLength } = shape;
    const { startRow, endRow } = band;
    const sums = new Float64Array(backend.memory.buffer, arena.sums, ERROR_SUM_COUNT).fill(0);
    const productSums = new Float64Array(backend.memory.buffer, arena.productSums, PRODUCT_SUM_COUNT).fill(0);
    const sampleEnd = startRow + sampledRows(bandIndex, rowLength);
    // The levels of codebooks are set right by these sums, whether anyone wants to see them or not.
    const isChecked = !shape.isCopy && (setup.verify !== "off" || isCodebookFormat(target.format));
    read(task, band);
    const sourceHash = hashOf(arena, arena.input, (endRow - startRow) * source.rowBytes);
    for (let row = startRow; row < endRow && !shape.isVerbatim; row += stripRows) {
      const rows = Math.min(stripRows, endRow - row);
      const output = arena.output + (row - startRow) * target.rowBytes;
      convert(task, arena.input + (row - startRow) * source.rowBytes, output, row, rows);
      if (isChecked) check(task, output, row, rows, Math.min(rows, sampleEnd - row));
    }
    const length = (endRow - startRow) * target.rowBytes;
    const file = files.outputs[job.outputFile];
    if (file !== undefined) {
      writeAll(file, bytes(arena.output, length), job.outputOffset + startRow * target.rowBytes);
    }
    return {
      job: index,
      index: bandIndex,
      rows: endRow - startRow,
      sourceHash,
      hash: shape.isVerbatim ? sourceHash : hashOf(arena, arena.output, length),
      ...(isChecked ? { sums: Array.from(sums) } : {}),
      ...(isChecked && checkProducts !== undefined ? { products: Array.from(productSums) } : {}),
      seconds: (performance.now() - start) / 1000,
    };
  };
}

/** The error for the first weight that is NaN or infinite, with its place. */
function notFinite(backend: Backend, address: number, row: number, rows: number, rowLength: number): QuantizeError {
  const weights = new Float32Array(backend.memory.buffer, address, rows * rowLength);
  const at = weights.findIndex((weight) => !Number.isFinite(weight));
  const place = `row ${row + Math.floor(at / rowLength)}, column ${at % rowLength}`;
  return new QuantizeError("bad-data", `${place}: expected a finite weight, found ${weights[at]}`);
}

/** The error for the first block whose scale overflowed, with its largest weight. */
function notRepresentable(
  backend: Backend,
  arena: Arena,
  row: number,
  rows: number,
  rowLength: number,
  { name, blockSize }: BlockFormat,
): QuantizeError {
  const decoded = new Float32Array(backend.memory.buffer, arena.decoded, rows * rowLength);
  const weights = new Float32Array(backend.memory.buffer, arena.weights, rows * rowLength);
  const first = decoded.findIndex((weight) => !Number.isFinite(weight));
  let at = first - (first % blockSize);
  const end = at + blockSize;
  for (let i = at; i < end; i++) if (Math.abs(weights[i]!) > Math.abs(weights[at]!)) at = i;
  const place = `row ${row + Math.floor(at / rowLength)}, column ${at % rowLength}`;
  return new QuantizeError("bad-data", `${place}: ${weights[at]} is beyond the range of ${name}`);
}
