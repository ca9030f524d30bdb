/**
 * Several measurements as one: sums and counts are added, as `llama-imatrix --in-file` adds them. Files of the older
 * format hold means times calls; a call is taken for a chunk of tokens.
 */
import { QuantizeError } from "../errors.ts";
import { quote } from "../text/quote.ts";
import type { ImatrixContent, ImatrixEntry } from "./imatrix.types.ts";

const { fround } = Math;

/** Tokens of a chunk where no file says, as in llama.cpp. */
export const DEFAULT_CHUNK_SIZE = 512;

/** A measurement with its file's name, for messages. */
export interface NamedContent extends ImatrixContent {
  readonly path: string;
}

/** What a merged measurement holds, ready to be written. */
export interface MergedContent {
  /** By name. */
  readonly entries: readonly ImatrixEntry[];
  readonly datasets: readonly string[];
  readonly chunkCount: number;
  readonly chunkSize: number;
}

/** The entry with counts of tokens instead of calls. */
function countedInTokens(entry: ImatrixEntry, { format }: ImatrixContent, chunkSize: number): ImatrixEntry {
  if (format === "gguf") return entry;
  return {
    name: entry.name,
    sums: entry.sums.map((sum) => sum * chunkSize),
    counts: entry.counts.map((count) => count * chunkSize),
  };
}

function added(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => fround(value + b[i]!));
}

/** Counts of every slice; those of older files are one for all. */
function spread(counts: readonly number[], slices: number): readonly number[] {
  return counts.length === slices ? counts : new Array<number>(slices).fill(counts[0]!);
}

function addEntries(a: ImatrixEntry, b: ImatrixEntry, path: string): ImatrixEntry {
  const slices = Math.max(a.counts.length, b.counts.length);
  const isCounted = [a, b].every(({ counts }) => counts.length === 1 || counts.length === slices);
  if (a.sums.length !== b.sums.length || !isCounted) {
    throw new QuantizeError(
      "incompatible",
      `${path}: entry ${quote(b.name)}: expected ${a.sums.length} sums of ${a.counts.length} slices as in the files ` +
        `before it, found ${b.sums.length} of ${b.counts.length}: it was made from another model`,
    );
  }
  const [left, right] = [spread(a.counts, slices), spread(b.counts, slices)];
  return {
    name: a.name,
    sums: added(a.sums, b.sums),
    counts: left.map((count, slice) => count + right[slice]!),
  };
}

/** Whole chunks that the most often met slice has seen: what llama-imatrix takes for the number of chunks. */
export function chunksOf(entries: readonly ImatrixEntry[], chunkSize: number): number {
  const most = entries.reduce((max, { counts }) => counts.reduce((a, b) => Math.max(a, b), max), 0);
  return Math.floor(most / chunkSize);
}

/**
 * Adds up measurements of one model.
 * @param contents at least one
 * @throws QuantizeError `incompatible` when an entry has another shape than in the files before
 */
export function mergeContents(contents: readonly NamedContent[]): MergedContent {
  const chunkSize = contents.find((content) => (content.chunkSize ?? 0) > 0)?.chunkSize ?? DEFAULT_CHUNK_SIZE;
  const merged = new Map<string, ImatrixEntry>();
  for (const content of contents) {
    for (const stored of content.entries) {
      const entry = countedInTokens(stored, content, chunkSize);
      const before = merged.get(entry.name);
      merged.set(entry.name, before === undefined ? entry : addEntries(before, entry, content.path));
    }
  }
  const entries = [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const datasets = contents.flatMap((content) => content.datasets);
  return { entries, datasets, chunkCount: chunksOf(entries, chunkSize), chunkSize };
}
