/**
 * Runs of an array's elements: read as they lie, or computed from what is stored. Scalar, and no slower than a disk:
 * what a worker does with the weights afterwards takes longer.
 */
import { f16 } from "../../codecs/floats/f16.ts";
import type { ByteSource } from "./byte-source.ts";
import { readNumbers, readPacked, readTable } from "./read-codes.ts";
import type {
  MappedArray,
  Mxfp4Array,
  Nvfp4Array,
  PackedArray,
  ScaledArray,
  StoredArray,
} from "./stored-array.types.ts";

const fround = Math.fround;

/** Bytes of an element of an array. */
export function elementBytes(array: StoredArray): number {
  switch (array.kind) {
    case "plain":
    case "zeros":
      return array.elementBytes;
    case "mxfp4":
      return 17;
    case "nvfp4":
      return 36;
    default:
      return Float32Array.BYTES_PER_ELEMENT;
  }
}

/** Bytes that are computed at a time: what lies between a file and `out` is of that size. */
const COMPUTED_BYTES = 1 << 20;

/**
 * Reads elements `[first, first + n)`, where `n` elements fill `out`.
 * @throws QuantizeError `io` when the system cannot read
 */
export function readElements(source: ByteSource, array: StoredArray, first: number, out: Uint8Array): void {
  const size = elementBytes(array);
  const step = array.kind === "plain" ? out.length : Math.floor(COMPUTED_BYTES / size) * size;
  for (let done = 0; done < out.length; done += step) {
    readRuns(source, array, first + done / size, 1, 0, out.subarray(done, done + step));
  }
}

/**
 * Reads `runs` runs of neighbours, each `stride` elements behind the one before, one after the other into `out`.
 * @throws QuantizeError `io` when the system cannot read
 */
export function readRuns(
  source: ByteSource,
  array: StoredArray,
  first: number,
  runs: number,
  stride: number,
  out: Uint8Array,
): void {
  if (array.kind === "packed") {
    const weights = new Float32Array(out.length / Float32Array.BYTES_PER_ELEMENT);
    readPacked(source, array, first, runs, stride, weights);
    out.set(new Uint8Array(weights.buffer));
    return;
  }
  const bytes = out.length / runs;
  for (let run = 0; run < runs; run++) {
    readRun(source, array, first + run * stride, out.subarray(run * bytes, (run + 1) * bytes));
  }
}

function readRun(source: ByteSource, array: Exclude<StoredArray, PackedArray>, first: number, out: Uint8Array): void {
  const count = out.length / elementBytes(array);
  switch (array.kind) {
    case "plain":
      source.read(array.extent, first * array.elementBytes, out);
      return;
    case "zeros":
      out.fill(0);
      return;
    case "mxfp4":
      readMxfp4(source, array, first, count, out);
      return;
    case "nvfp4":
      readNvfp4(source, array, first, count, out);
      return;
  }
  const weights = new Float32Array(count);
  if (array.kind === "mapped") readMapped(source, array, first, weights);
  else if (array.kind === "scaled") readScaled(source, array, first, weights);
  else readTable(source, array, first, weights);
  out.set(new Uint8Array(weights.buffer));
}

/** Of half-precision numbers the result is one as well, as PyTorch computes for llama.cpp's converter. */
function readMapped(source: ByteSource, { numbers, map }: MappedArray, first: number, out: Float32Array): void {
  readNumbers(source, numbers, first, out);
  if (map === "none") return;
  for (let i = 0; i < out.length; i++) {
    const x = out[i]!;
    out[i] = map === "plus-one" ? x + 1 : map === "reciprocal" ? 1 / x : -Math.exp(x);
  }
  if (numbers.codec !== "f16") return;
  const halves = new Uint8Array(2 * out.length);
  f16.encode!(out, halves, { rowLength: out.length });
  f16.decode(halves, out);
}

/** A row at a time: within it, runs of a block's columns have one scale. */
function readScaled(source: ByteSource, array: ScaledArray, first: number, out: Float32Array): void {
  const { numbers, columns, scales, blockRows, blockColumns, factor } = array;
  const perRow = Math.ceil(columns / blockColumns);
  readNumbers(source, numbers, first, out);
  const rowScales = new Float32Array(perRow);
  let loaded = -1;
  for (let done = 0; done < out.length;) {
    const row = Math.floor((first + done) / columns);
    const column = (first + done) % columns;
    const blockRow = Math.floor(row / blockRows);
    if (blockRow !== loaded) {
      readNumbers(source, scales, blockRow * perRow, rowScales);
      if (factor !== undefined) for (let i = 0; i < perRow; i++) rowScales[i] = rowScales[i]! * factor;
      loaded = blockRow;
    }
    const block = Math.floor(column / blockColumns);
    const run = Math.min(out.length - done, (block + 1) * blockColumns - column, columns - column);
    const scale = rowScales[block]!;
    for (const end = done + run; done < end; done++) out[done] = fround(out[done]! * scale);
  }
}

/** ggml's block: the exponent, then byte j with element j low and j + 16 high. */
function readMxfp4(
  source: ByteSource,
  { codes, scales }: Mxfp4Array,
  first: number,
  count: number,
  out: Uint8Array,
): void {
  const pairs = new Uint8Array(16 * count);
  const exponents = new Uint8Array(count);
  source.read(codes, 16 * first, pairs);
  source.read(scales, first, exponents);
  for (let block = 0; block < count; block++) {
    out[17 * block] = exponents[block]!;
    splitPairs(pairs, 16 * block, 16, out, 17 * block + 1);
  }
}

/** ggml's block: four scales without their sign, then 8 bytes for each of them, element j low and j + 8 high. */
function readNvfp4(
  source: ByteSource,
  { codes, scales }: Nvfp4Array,
  first: number,
  count: number,
  out: Uint8Array,
): void {
  const pairs = new Uint8Array(32 * count);
  const floats = new Uint8Array(4 * count);
  source.read(codes, 32 * first, pairs);
  source.read(scales, 4 * first, floats);
  for (let block = 0; block < count; block++) {
    for (let group = 0; group < 4; group++) {
      out[36 * block + group] = floats[4 * block + group]! & 0x7f;
      splitPairs(pairs, 32 * block + 8 * group, 8, out, 36 * block + 4 + 8 * group);
    }
  }
}

/** From `bytes` pairs of neighbours, low nibble first, to the first half low and the second half high. */
function splitPairs(pairs: Uint8Array, from: number, bytes: number, out: Uint8Array, to: number): void {
  for (let j = 0; j < bytes; j++) {
    const low = pairs[from + (j >> 1)]!;
    const high = pairs[from + ((j + bytes) >> 1)]!;
    out[to + j] = j % 2 === 0 ? (low & 15) | ((high & 15) << 4) : (low >> 4) | (high & 0xf0);
  }
}
