/**
 * Activations as 8-bit blocks, with the bytes that ggml's Arm build makes.
 *
 * q8_0, 34 bytes per 32: f16 d, 32 int8. d = max|x| / 127, q = round(x * (1/d)), halves to even (as NEON and AVX2 do;
 * the weight codec q8_0 rounds them away from zero), 1/d of the unrounded d.
 * q8_K, 292 bytes per 256: f32 d, 256 int8, 16 int16 sums of 16 codes each. With m the value of largest magnitude (the
 * first of equals, sign kept): s = -127 / m, q = min(127, round(x * s)), halves to even, d = 1 / s.
 * All operations rounded to f32. Codes are kept within -127..127 where 1/d overflows, and a NaN counts as 0.
 */
import { readF16, writeF16 } from "../../codecs/floats/half.ts";
import type { BlockFormat } from "../../codecs/codec.ts";
import { q8_0 } from "../../codecs/blocks/q8_0.ts";
import { q8_K } from "../../codecs/k-quants/q8_K.ts";
import { findLayout } from "../../layouts/registry.ts";
import { pack } from "../../layouts/pack.ts";
import { ACTIVATION_BLOCK, SUM_SIZE, type ActivationKind } from "./integer-view.ts";

const fround = Math.fround;

/** The activation formats as block formats. */
export const ACTIVATION_FORMATS: Readonly<Record<ActivationKind, BlockFormat>> = { q8_0, q8_K };

/** Bytes of a quantized activation row. */
export function activationRowBytes(kind: ActivationKind, rowLength: number): number {
  return (rowLength / ACTIVATION_BLOCK[kind]) * ACTIVATION_FORMATS[kind].blockBytes;
}

/** Rounds to the nearest integer, halves to even. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/** To a code: nearest integer within -127..127, NaN to 0. */
function toCode(x: number): number {
  return Number.isNaN(x) ? 0 : roundHalfEven(Math.min(127, Math.max(-127, x)));
}

/** d and 1/d of a block's values. */
function scalesOf(kind: ActivationKind, x: Float32Array): { d: number; inverse: number } {
  let extreme = 0;
  for (const value of x) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  if (extreme === 0) return { d: 0, inverse: 0 };
  if (kind === "q8_K") {
    const inverse = fround(-127 / extreme);
    return { d: fround(1 / inverse), inverse };
  }
  const d = fround(Math.abs(extreme) / 127);
  return { d, inverse: d === 0 ? 0 : fround(1 / d) };
}

/**
 * Quantizes rows of activations.
 * @param src rows of `rowLength` values
 * @param rowLength a multiple of 32 (q8_0) or 256 (q8_K)
 * @returns the blocks, row after row
 * @throws RangeError when the row length does not divide
 */
export function quantizeActivations(kind: ActivationKind, src: Float32Array, rowLength: number): Uint8Array {
  const blockSize = ACTIVATION_BLOCK[kind];
  if (rowLength % blockSize !== 0 || src.length % rowLength !== 0)
    throw new RangeError(`${src.length} activations in rows of ${rowLength}: ${kind} needs blocks of ${blockSize}`);
  const { blockBytes } = ACTIVATION_FORMATS[kind];
  const dst = new Uint8Array((src.length / blockSize) * blockBytes);
  const view = new DataView(dst.buffer);
  const codes = new Int8Array(dst.buffer);
  for (let block = 0; block * blockSize < src.length; block++) {
    const x = src.subarray(block * blockSize, (block + 1) * blockSize);
    const at = block * blockBytes;
    const { d, inverse } = scalesOf(kind, x);
    const first = kind === "q8_0" ? at + 2 : at + 4;
    for (let j = 0; j < blockSize; j++) codes[first + j] = toCode(fround(x[j]! * inverse));
    if (kind === "q8_0") {
      writeF16(dst, at, d);
      continue;
    }
    view.setFloat32(at, d, true);
    for (let sum = 0; sum < blockSize / SUM_SIZE; sum++) {
      const start = first + sum * SUM_SIZE;
      const total = codes.subarray(start, start + SUM_SIZE).reduce((a, b) => a + b, 0);
      view.setInt16(first + blockSize + 2 * sum, total, true);
    }
  }
  return dst;
}

/** Quantized activations, taken apart for the kernels. */
export interface Activations {
  readonly kind: ActivationKind;
  readonly rows: number;
  readonly rowLength: number;
  /** `rows * rowLength` codes. */
  readonly codes: Int8Array;
  /** One scale per block. */
  readonly scales: Float32Array;
  /** Sums of each 16 codes. */
  readonly sums: Int16Array;
}

/**
 * Takes quantized activation rows apart.
 * @throws RangeError when the bytes are not whole rows
 */
export function readActivations(kind: ActivationKind, bytes: Uint8Array, rowLength: number): Activations {
  const rowSize = activationRowBytes(kind, rowLength);
  const rows = bytes.length / rowSize;
  if (!Number.isInteger(rows)) throw new RangeError(`${bytes.length} bytes of ${kind}, expected rows of ${rowSize}`);
  const { blockBytes, blockSize } = ACTIVATION_FORMATS[kind];
  const blocks = bytes.length / blockBytes;
  const codes = new Int8Array(blocks * blockSize);
  const scales = new Float32Array(blocks);
  const sums = new Int16Array((blocks * blockSize) / SUM_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let block = 0; block < blocks; block++) {
    const at = block * blockBytes;
    scales[block] = kind === "q8_0" ? readF16(bytes, at) : view.getFloat32(at, true);
    const first = at + (kind === "q8_0" ? 2 : 4);
    for (let j = 0; j < blockSize; j++) codes[block * blockSize + j] = bytes[first + j]!;
  }
  for (let index = 0; index < codes.length; index++) sums[Math.floor(index / SUM_SIZE)]! += codes[index]!;
  return { kind, rows, rowLength, codes, scales, sums };
}

/**
 * Four activation rows interleaved, as the matrix-matrix kernels for Arm read them: the chunk equals the weights'.
 * @param bytes quantized rows, a multiple of four of them
 */
export function interleaveActivations(
  kind: ActivationKind,
  bytes: Uint8Array,
  rowLength: number,
  chunk: 4 | 8,
): Uint8Array {
  const layout = findLayout(ACTIVATION_FORMATS[kind], `4x${chunk}`)!;
  const rowSize = activationRowBytes(kind, rowLength);
  const interleaved = new Uint8Array(bytes.length);
  pack(layout, bytes, interleaved, bytes.length / rowSize, rowSize);
  return interleaved;
}
