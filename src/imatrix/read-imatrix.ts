/**
 * Opens an importance matrix, of either format, and turns its sums into means: sum / count in f32, as llama.cpp does.
 * A slice that was never met (an expert that no token was sent to), or met by zeros only, is neutral: all columns
 * count alike.
 */
import { createHash } from "node:crypto";
import { QuantizeError } from "../errors.ts";
import { GGUF_MAGIC } from "../read/gguf/gguf-types.ts";
import { bytesLeft, readBytes, readU32, type Cursor } from "../read/byte-cursor.ts";
import { withCursor } from "../read/input-file.ts";
import { quote } from "../text/quote.ts";
import { readGgufImatrix } from "./gguf-imatrix.ts";
import type { Imatrix, ImatrixContent, ImatrixEntry, ImatrixFilter } from "./imatrix.types.ts";
import { readLegacyImatrix } from "./legacy-imatrix.ts";

/** A file as it was read, each of its entries checked, with its hash. */
export interface CheckedContent extends ImatrixContent {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Reads an importance file of either format, sums as they are.
 * @throws QuantizeError `io`, `bad-format`, `bad-data` (naming tensor and column)
 */
export function readImatrixContent(path: string): CheckedContent {
  return withCursor(path, (cursor) => {
    const isGguf = cursor.byteLength >= 4 && readU32(cursor) === GGUF_MAGIC;
    cursor.position = 0;
    const content = isGguf ? readGgufImatrix(path) : readLegacyImatrix(cursor);
    const names = new Set<string>();
    for (const entry of content.entries) {
      if (names.has(entry.name)) {
        throw new QuantizeError("bad-format", `${path}: two entries are named ${quote(entry.name)}`);
      }
      names.add(entry.name);
      checkEntry(path, entry);
    }
    return { ...content, path, sha256: hashFile(cursor) };
  });
}

function hashFile(cursor: Cursor): string {
  const hash = createHash("sha256");
  cursor.position = 0;
  while (bytesLeft(cursor) > 0) hash.update(readBytes(cursor, Math.min(bytesLeft(cursor), cursor.buffer.length)));
  return hash.digest("hex");
}

/** @throws QuantizeError `bad-data` for counts and sums that do not go together, or cannot be sums of squares */
function checkEntry(path: string, { name, sums, counts }: ImatrixEntry): void {
  const where = `${path}: entry ${quote(name)}`;
  if (counts.length === 0 || sums.length === 0 || sums.length % counts.length !== 0)
    throw new QuantizeError("bad-data", `${where}: ${sums.length} sums do not divide by ${counts.length} counts`);
  const columns = sums.length / counts.length;
  for (const [slice, count] of counts.entries()) {
    if (!Number.isFinite(count))
      throw new QuantizeError("bad-data", `${where}, slice ${slice}: expected a finite count, found ${count}`);
  }
  const wrong = sums.findIndex((sum) => !Number.isFinite(sum) || sum < 0);
  if (wrong < 0) return;
  const ofSlice = counts.length > 1 ? ` of slice ${Math.floor(wrong / columns)}` : "";
  throw new QuantizeError(
    "bad-data",
    `${where}, column ${wrong % columns}${ofSlice}: expected a finite sum of squares, found ${sums[wrong]}`,
  );
}

/** Means of one entry, in place of its sums, and the number of slices without a measurement. */
function toMeans({ sums, counts }: ImatrixEntry): { means: Float32Array; unseen: number } {
  const columns = sums.length / counts.length;
  let unseen = 0;
  for (const [slice, count] of counts.entries()) {
    const part = sums.subarray(slice * columns, (slice + 1) * columns);
    const isSeen = count > 0 && part.some((sum) => sum > 0);
    if (!isSeen) unseen += 1;
    const divisor = Math.fround(count);
    for (let column = 0; column < columns; column++) part[column] = isSeen ? part[column]! / divisor : 1;
  }
  return { means: sums, unseen };
}

function isWanted(name: string, { include, exclude }: ImatrixFilter): boolean {
  if (include !== undefined && include.length > 0) return include.some((part) => name.includes(part));
  return !(exclude ?? []).some((part) => name.includes(part));
}

/**
 * Reads an importance matrix.
 * @throws QuantizeError `io`, `bad-format`, `bad-data` (naming tensor and column), `usage` when both filters are given
 * or nothing is left
 */
export function readImatrix(path: string, filter: ImatrixFilter = {}): Imatrix {
  if ((filter.include?.length ?? 0) > 0 && (filter.exclude?.length ?? 0) > 0)
    throw new QuantizeError("usage", "importance: give names to include or names to exclude, not both");
  const content = readImatrixContent(path);
  const entries = new Map<string, Float32Array>();
  const unseenSlices = new Map<string, number>();
  for (const entry of content.entries) {
    if (!isWanted(entry.name, filter)) continue;
    const { means, unseen } = toMeans(entry);
    entries.set(entry.name, means);
    if (unseen > 0) unseenSlices.set(entry.name, unseen);
  }
  if (entries.size === 0)
    throw new QuantizeError("usage", `${path}: none of its ${content.entries.length} entries has a wanted name`);
  const { format, datasets, chunkCount, sha256 } = content;
  return {
    path,
    format,
    entries,
    datasets,
    unseenSlices,
    sha256,
    filter,
    ...(chunkCount === undefined ? {} : { chunkCount }),
  };
}
