/**
 * Where a job's buffers lie in a worker's memory: one after the other, 64-byte aligned, each with 64 bytes of room
 * behind it, as the SIMD loops expect. Pure arithmetic, so that the plan knows what a worker needs.
 */
import type { BlockFormat } from "../../codecs/codec.ts";
import { weavePlan } from "../../layouts/weave-plan.ts";
import type { Weave } from "../../layouts/layout.ts";
import { ERROR_SUM_COUNT } from "../verify/error-sums.ts";
import { XXH64_STATE_BYTES } from "../verify/xxh64.ts";
import type { JobShape, JobSide } from "./job-shape.ts";

const ALIGNMENT = 64;

/** Addresses; what a job does not need has no bytes of its own. */
export interface Arena {
  /** A chunk as the source file holds it, and in row order (the same place when it was never woven). */
  readonly stored: number;
  readonly unwoven: number;
  /** The chunk's weights, f32. */
  readonly weights: number;
  /** The chunk as blocks in row order, and as the output holds it. */
  readonly encoded: number;
  readonly woven: number;
  /** What the written bytes say again: blocks in row order, and weights. */
  readonly reread: number;
  readonly decoded: number;
  readonly importance: number;
  readonly sums: number;
  readonly sourceHash: number;
  readonly hash: number;
  readonly sourcePlan: number;
  readonly targetPlan: number;
  readonly sourceTables: number;
  readonly targetTables: number;
  /** First byte behind all of them. */
  readonly end: number;
}

function planBytes(weave: Weave): number {
  return weave.layout === "rows" ? 0 : weavePlan(weave).length;
}

/** Bytes that the SIMD twins of a format with learned tables want to know about them. */
export function preparedBytes(_format: BlockFormat): number {
  return 0;
}

/** Lays out a job's buffers from address `base` on. */
export function planArena(shape: JobShape, base: number): Arena {
  let end = base;
  const take = (bytes: number): number => {
    const address = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = address + bytes + ALIGNMENT;
    return address;
  };
  const { source, target, chunkRows, rowLength } = shape;
  const chunkBytes = (side: JobSide): number => chunkRows * side.rowBytes;
  const weightBytes = shape.isCopy ? 0 : chunkRows * rowLength * Float32Array.BYTES_PER_ELEMENT;
  const isWoven = (side: JobSide): boolean => side.weave.layout !== "rows";
  const stored = take(chunkBytes(source));
  const unwoven = isWoven(source) ? take(chunkBytes(source)) : stored;
  const weights = take(weightBytes);
  const encoded = shape.isCopy ? unwoven : take(chunkBytes(target));
  const woven = isWoven(target) ? take(chunkBytes(target)) : encoded;
  const reread = isWoven(target) && !shape.isCopy ? take(chunkBytes(target)) : woven;
  return {
    stored,
    unwoven,
    weights,
    encoded,
    woven,
    reread,
    decoded: take(weightBytes),
    importance: take(rowLength * Float32Array.BYTES_PER_ELEMENT),
    sums: take(ERROR_SUM_COUNT * Float64Array.BYTES_PER_ELEMENT),
    sourceHash: take(XXH64_STATE_BYTES),
    hash: take(XXH64_STATE_BYTES),
    sourcePlan: take(planBytes(source.weave)),
    targetPlan: take(planBytes(target.weave)),
    sourceTables: take(preparedBytes(source.format)),
    targetTables: take(preparedBytes(target.format)),
    end,
  };
}
