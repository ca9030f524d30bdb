/**
 * Runs of a tensor's elements that lie elsewhere in another order. A run is cut into boxes; a box whose elements lie
 * close together is read in one piece and put in order in memory, any other piece by piece along its widest stride. So
 * rows in rotary order cost a read for many heads, and a transposed matrix one for each row of the file, of just the
 * columns that are wanted.
 */
import { elementBytes, readElements, readRuns } from "./read-array.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Part, StoredArray } from "./stored-array.types.ts";
import { boxesOf, viewLength, type Box, type BoxAxis } from "./view.ts";

/** Largest piece that is read to be put in order: what a thread holds beside its planned buffers. */
const PIECE_BYTES = 1 << 20;

/** Elements that are read for each one that is wanted, at most: reading on is cheaper than another read. */
const MOST_PER_WANTED = 4;

/** Elements of all parts. */
export function partsLength(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + viewLength(part), 0);
}

/** Bytes of an element, the same in all parts of a tensor. */
export function partsElementBytes(parts: readonly Part[]): number {
  return elementBytes(parts[0]!.array);
}

/** Reads elements of the parts, one behind the other, from element `first` on, until `out` is full. */
export function readParts(source: ByteSource, parts: readonly Part[], first: number, out: Uint8Array): void {
  const size = partsElementBytes(parts);
  const end = first + out.length / size;
  let start = 0;
  for (const part of parts) {
    const length = viewLength(part);
    const [from, to] = [Math.max(first, start), Math.min(end, start + length)];
    if (from < to) {
      const target = out.subarray((from - first) * size, (to - first) * size);
      for (const box of boxesOf(part, from - start, to - start)) readBox(source, part.array, box, size, target);
    }
    start += length;
    if (start >= end) return;
  }
}

function readBox(
  source: ByteSource,
  array: StoredArray,
  { start, out: at, axes }: Box,
  size: number,
  out: Uint8Array,
): void {
  const [widest, ...rest] = axes;
  if (widest === undefined || (rest.length === 0 && widest.stride === 1 && widest.outStride === 1)) {
    readElements(source, array, start, out.subarray(at * size, (at + (widest?.count ?? 1)) * size));
    return;
  }
  const wanted = axes.reduce((product, { count }) => product * count, 1);
  const span = axes.reduce((sum, { count, stride }) => sum + (count - 1) * stride, 1);
  const isDense = span <= MOST_PER_WANTED * wanted;
  if (isDense && span * size <= PIECE_BYTES) {
    const piece = new Uint8Array(span * size);
    readElements(source, array, start, piece);
    scatter(piece, 0, axes, size, out, at);
    return;
  }
  const inner = span - (widest.count - 1) * widest.stride;
  if (!isDense && inner <= (MOST_PER_WANTED * wanted) / widest.count && inner * size <= PIECE_BYTES) {
    readApart(source, array, start, widest, rest, inner, size, out, at);
    return;
  }
  // Along the widest stride: as many at a time as make a piece, where what lies between is wanted too.
  const most = Math.floor((PIECE_BYTES / size - inner) / widest.stride) + 1;
  const step = isDense ? Math.max(rest.length > 0 ? 1 : 2, most) : 1;
  for (let i = 0; i < widest.count; i += step) {
    const count = Math.min(step, widest.count - i);
    const part = count === 1 ? rest : [{ ...widest, count }, ...rest];
    readBox(source, array, { start: start + i * widest.stride, out: at + i * widest.outStride, axes: part }, size, out);
  }
}

/** Boxes of `span` neighbours that lie far apart: some at a time, close together in memory, and from there in order. */
function readApart(
  source: ByteSource,
  array: StoredArray,
  start: number,
  apart: BoxAxis,
  rest: readonly BoxAxis[],
  span: number,
  size: number,
  out: Uint8Array,
  at: number,
): void {
  const step = Math.floor(PIECE_BYTES / size / span);
  for (let i = 0; i < apart.count; i += step) {
    const count = Math.min(step, apart.count - i);
    const piece = new Uint8Array(count * span * size);
    readRuns(source, array, start + i * apart.stride, count, apart.stride, piece);
    scatter(piece, 0, [{ ...apart, count, stride: span }, ...rest], size, out, at + i * apart.outStride);
  }
}

/** Copies the elements of a box from a piece that starts with its first one. */
function scatter(
  piece: Uint8Array,
  from: number,
  axes: readonly BoxAxis[],
  size: number,
  out: Uint8Array,
  at: number,
): void {
  const [widest, ...rest] = axes;
  if (widest === undefined) {
    out.set(piece.subarray(from * size, (from + 1) * size), at * size);
    return;
  }
  const { count, stride, outStride } = widest;
  if (rest.length > 0) {
    for (let i = 0; i < count; i++) scatter(piece, from + i * stride, rest, size, out, at + i * outStride);
  } else if (stride === 1 && outStride === 1) {
    out.set(piece.subarray(from * size, (from + count) * size), at * size);
  } else if (size === 2 || size === 4) {
    scatterWords(piece, from, widest, size, out, at);
  } else {
    for (let i = 0; i < count; i++) {
      const source = (from + i * stride) * size;
      out.set(piece.subarray(source, source + size), (at + i * outStride) * size);
    }
  }
}

/** The elements of one axis, which are numbers of two or four bytes. */
function scatterWords(
  piece: Uint8Array,
  from: number,
  { count, stride, outStride }: BoxAxis,
  size: 2 | 4,
  out: Uint8Array,
  at: number,
): void {
  const Words = size === 2 ? Uint16Array : Uint32Array;
  if (out.byteOffset % size !== 0) {
    for (let i = 0; i < count; i++) {
      for (let b = 0; b < size; b++) out[(at + i * outStride) * size + b] = piece[(from + i * stride) * size + b]!;
    }
    return;
  }
  const source = new Words(piece.buffer as ArrayBuffer, piece.byteOffset, piece.length / size);
  const target = new Words(out.buffer as ArrayBuffer, out.byteOffset, out.length / size);
  for (let i = 0; i < count; i++) target[at + i * outStride] = source[from + i * stride]!;
}
