/**
 * Files of which only some bytes are here: stand-ins for files elsewhere, as long as those and empty but for what was
 * fetched. Whoever reads bytes of a model asks first. What is not there yet is thrown as `MissingBytes`: it can be
 * fetched, and the reading begun again. So everything that reads a header works on a model that nobody downloaded.
 */
import { resolve } from "node:path";

/** Bytes that a reader needs and that are not here yet. Not for people: whoever made the stand-in catches it. */
export class MissingBytes extends Error {
  override readonly name = "MissingBytes";
  readonly path: string;
  readonly byteOffset: number;
  readonly byteLength: number;
  constructor(path: string, byteOffset: number, byteLength: number) {
    super(`${path}: bytes ${byteOffset} to ${byteOffset + byteLength} were not fetched`);
    [this.path, this.byteOffset, this.byteLength] = [path, byteOffset, byteLength];
  }
}

/** Start and end (exclusive) of bytes that are here. */
type Range = readonly [start: number, end: number];

/** By absolute path; ranges in order, with gaps between them. */
const presentRanges = new Map<string, readonly Range[]>();

/** Says that bytes `[start, end)` of a stand-in are here. The first call for a path makes it one. */
export function addPresentRange(path: string, start: number, end: number): void {
  const key = resolve(path);
  const merged: [number, number][] = [];
  for (const [from, to] of [...(presentRanges.get(key) ?? []), [start, end] as const].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  presentRanges.set(key, merged);
}

/** Ends a file's time as a stand-in. */
export function forgetPartialFile(path: string): void {
  presentRanges.delete(resolve(path));
}

/** @throws MissingBytes for a stand-in that lacks some of these bytes: from the first to the last that is missing */
export function requirePresent(path: string, byteOffset: number, byteLength: number): void {
  if (presentRanges.size === 0 || byteLength === 0) return;
  const key = resolve(path);
  const ranges = presentRanges.get(key);
  if (ranges === undefined) return;
  let [start, end] = [byteOffset, byteOffset + byteLength];
  for (const [from, to] of ranges) {
    if (from <= start && start < to) start = Math.min(to, end);
    if (from < end && end <= to) end = Math.max(from, start);
  }
  if (start < end) throw new MissingBytes(key, start, end - start);
}
