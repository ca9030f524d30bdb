/** How many tables a codebook tensor takes by default, and how many scale levels: what is learned must pay its way. */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { MAX_LEVELS, MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { elementCount, sliceCount } from "../read/model.ts";
import type { TensorPlan } from "./plan.ts";

/** Scale levels per codebook, f32 each: at least, and the groups that share one on average. */
const MIN_LEVELS = 16;
const GROUPS_PER_LEVEL = 16;

/** The largest power of two up to 256 whose tables take less than 1% of the slice's bytes, at least 1. */
export function automaticTables(format: CodebookFormat, sliceBytes: number): number {
  let tables = MAX_TABLES;
  while (tables > 1 && tables * format.tableLength * 100 >= sliceBytes) tables /= 2;
  return tables;
}

/**
 * Scale levels of a slice of `weights` weights: the largest power of two that leaves enough groups to each. A level
 * costs 32 bits; with too few groups to share it, an error of a per cent or two is the better bargain.
 */
export function levelCount(format: CodebookFormat, weights: number): number {
  const groups = weights / format.blockSize;
  let levels = MAX_LEVELS;
  while (levels > MIN_LEVELS && levels * GROUPS_PER_LEVEL > groups) levels /= 2;
  return levels;
}

/** Scale levels of each slice of a planned tensor; a tensor that is copied keeps those it has. */
export function plannedLevels({ tensor, codec }: Pick<TensorPlan, "tensor" | "codec">, format: CodebookFormat): number {
  if (tensor.codec === codec) return tensor.codebooks![0]!.levels.length;
  return levelCount(format, elementCount(tensor.shape) / sliceCount(tensor.shape));
}

/** Bytes of the learned part of a planned tensor: tables and scale levels of every slice; 0 for all other formats. */
export function learnedBytes(planned: Pick<TensorPlan, "tensor" | "codec" | "tables">): number {
  const format = findFormat(planned.codec);
  if (format === undefined || !isCodebookFormat(format)) return 0;
  const levelBytes = plannedLevels(planned, format) * Float32Array.BYTES_PER_ELEMENT;
  return sliceCount(planned.tensor.shape) * (planned.tables! * format.tableLength + levelBytes);
}
