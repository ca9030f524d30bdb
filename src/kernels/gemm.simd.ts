// Twin of gemm.ts: four weight rows are unpacked into a tile of small integers once, and multiplied with every
// activation row. A lane of a sum is a weight row, so each lane keeps the order of operations of the definition.
//
// kernel_gemm(kernel, packed, rows, rowLength, layout, acts, actRows, out, outStride, prepared, scratch)
//   kernel     number of the format, kernel-numbers.ts
//   packed     rows of blocks in that layout; rows a multiple of the layout's rows per group
//   layout     the layoutTable of the layout, also for `rows`
//   acts       activation rows made by quantize_activations, q8_K where the kernel number says super-blocks
//   out        out[act * outStride + row], f32; outStride in floats, at least rows
//   prepared   a prepared codebook, for decoding or encoding; 0 for formats without learned tables
//   scratch    kernelScratchBytes(actRows) bytes, 16-byte aligned
import { unpack_rows } from "../../layouts/pack.simd";
import { rowStride, scalesOffset, sumsOffset } from "./simd/activations";
import { expandTile } from "./simd/expand";
import { expandInterleaved, isDirect } from "./simd/expand-interleaved";
import { gatherTile, isGathered } from "./simd/gather";
import { MINIMA, ROW_BYTES, SCALES, SUMS, UNPACKED } from "./simd/tile";

// @ts-ignore: decorator
@inline
function isSuper(kernel: i32): bool { return kernel >= 10 && kernel < 18; }
// @ts-ignore: decorator
@inline
function hasMinima(kernel: i32): bool { return kernel == 1 || kernel == 3 || kernel == 10 || kernel == 12 || kernel == 13; }
// @ts-ignore: decorator
@inline
function blockSizeOf(kernel: i32): i32 {
  if (isSuper(kernel)) return 256;
  return kernel == 8 ? 128 : kernel == 7 || kernel == 9 || kernel == 19 ? 64 : 32;
}

// Sums of the lanes of four vectors, as the four lanes of one.
// @ts-ignore: decorator
@inline
function sumLanes(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const a = i32x4.add(v128.shuffle<i32>(s0, s1, 0, 1, 4, 5), v128.shuffle<i32>(s0, s1, 2, 3, 6, 7));
  const b = i32x4.add(v128.shuffle<i32>(s2, s3, 0, 1, 4, 5), v128.shuffle<i32>(s2, s3, 2, 3, 6, 7));
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}

// Integer products of four rows of i16, `stride` bytes apart, with `bytes` bytes of i16 codes.
// @ts-ignore: decorator
@inline
function dotFour(w: usize, stride: usize, a: usize, bytes: usize): v128 {
  let s0 = i64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (let k: usize = 0; k < bytes; k += 16) {
    const codes = v128.load(a + k), row = w + k;
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load(row), codes));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load(row + stride), codes));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load(row + 2 * stride), codes));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load(row + 3 * stride), codes));
  }
  return sumLanes(s0, s1, s2, s3);
}

// The same for one step of 32 weights with two activation rows: each vector of weights is loaded once for both. The
// sums go to two places of memory, a function has but one result.
// @ts-ignore: decorator
@inline
function addStepOfTwo(values: usize, d: v128, a: usize, b: usize, scaleA: v128, scaleB: v128, sums: usize): void {
  let s0 = i64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, u0 = s0, u1 = s0, u2 = s0, u3 = s0;
  for (let k: usize = 0; k < 64; k += 16) {
    const x = v128.load(a + k), y = v128.load(b + k), row = values + k;
    let w = v128.load(row);
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(w, x));
    u0 = i32x4.add(u0, i32x4.dot_i16x8_s(w, y));
    w = v128.load(row, ROW_BYTES);
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(w, x));
    u1 = i32x4.add(u1, i32x4.dot_i16x8_s(w, y));
    w = v128.load(row, 2 * ROW_BYTES);
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(w, x));
    u2 = i32x4.add(u2, i32x4.dot_i16x8_s(w, y));
    w = v128.load(row, 3 * ROW_BYTES);
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(w, x));
    u3 = i32x4.add(u3, i32x4.dot_i16x8_s(w, y));
  }
  const first = f32x4.mul(f32x4.mul(d, scaleA), f32x4.convert_i32x4_s(sumLanes(s0, s1, s2, s3)));
  v128.store(sums, f32x4.add(v128.load(sums), first));
  const second = f32x4.mul(f32x4.mul(d, scaleB), f32x4.convert_i32x4_s(sumLanes(u0, u1, u2, u3)));
  v128.store(sums, f32x4.add(v128.load(sums, 16), second), 16);
}

// Adds one step's products to the sums of four rows.
// @ts-ignore: decorator
@inline
function addStep(y: v128, d: usize, sum: v128, scale: v128): v128 {
  return f32x4.add(y, f32x4.mul(f32x4.mul(v128.load(d), scale), f32x4.convert_i32x4_s(sum)));
}

// Multiplies the tile's block, first weight at `column`, with all activation rows.
function multiplyTile(kernel: i32, tile: usize, column: i32, rowLength: i32, acts: usize, actRows: i32, sums: usize): void {
  const stride = rowStride(rowLength, isSuper(kernel)), scales = scalesOffset(rowLength);
  const withMinima = hasMinima(kernel), blockSize = blockSizeOf(kernel);
  let act: i32 = 0;
  if (!withMinima && !isSuper(kernel) && kernel != 7) {
    for (; act + 1 < actRows; act += 2, acts += 2 * stride, sums += 32) {
      const codes = acts + (<usize>column << 1);
      for (let step: usize = 0; step < <usize>(blockSize >> 5); step++) {
        const at = acts + scales + ((<usize>(column >> 5) + step) << 2), from = codes + (step << 6);
        const scaleA = v128.load32_splat(at), scaleB = v128.load32_splat(at + stride);
        addStepOfTwo(tile + (step << 6), v128.load(tile + SCALES + (step << 5)), from, from + stride, scaleA, scaleB, sums);
      }
    }
  }
  for (; act < actRows; act++, acts += stride, sums += 16) {
    let y = v128.load(sums);
    const codes = acts + (<usize>column << 1);
    if (isSuper(kernel)) {
      const scale = v128.load32_splat(acts + scales + (<usize>(column >> 8) << 2));
      y = addStep(y, tile + SCALES, dotFour(tile, ROW_BYTES, codes, 512), scale);
      if (withMinima) {
        const minimum = dotFour(tile + MINIMA, 32, acts + sumsOffset(rowLength) + (<usize>column >> 3), 32);
        const m = f32x4.mul(f32x4.mul(v128.load(tile + SCALES, 16), scale), f32x4.convert_i32x4_s(minimum));
        y = f32x4.sub(y, m);
      }
    } else if (kernel == 7) {
      for (let step: usize = 0; step < 4; step++) {
        const scale = v128.load32_splat(acts + scales + ((<usize>(column >> 5) + (step >> 1)) << 2));
        y = addStep(y, tile + SCALES + (step << 5), dotFour(tile + (step << 5), ROW_BYTES, codes + (step << 5), 32), scale);
      }
    } else {
      for (let step: usize = 0; step < <usize>(blockSize >> 5); step++) {
        const scale = v128.load32_splat(acts + scales + ((<usize>(column >> 5) + step) << 2));
        y = addStep(y, tile + SCALES + (step << 5), dotFour(tile + (step << 6), ROW_BYTES, codes + (step << 6), 64), scale);
        if (withMinima) {
          // The minima of q4_1 and q5_1 are 1 each: the step's sum is that of its two sixteens.
          const at = acts + sumsOffset(rowLength) + (<usize>column >> 3);
          const total = i32x4.splat(<i32>load<i16>(at) + <i32>load<i16>(at, 2));
          const m = f32x4.mul(f32x4.mul(v128.load(tile + SCALES, 16), scale), f32x4.convert_i32x4_s(total));
          y = f32x4.sub(y, m);
        }
      }
    }
    v128.store(sums, y);
  }
}

// Writes the sums of up to four rows for each activation row.
function writeSums(sums: usize, actRows: i32, out: usize, outStride: usize, rows: i32): void {
  for (let act: i32 = 0; act < actRows; act++, sums += 16, out += outStride) {
    if (rows == 4) v128.store(out, v128.load(sums));
    else for (let r: usize = 0; r < <usize>rows; r++) store<f32>(out + (r << 2), load<f32>(sums + (r << 2)));
  }
}

export function kernel_gemm(
  kernel: i32, packed: usize, rows: i32, rowLength: i32, layout: usize, acts: usize, actRows: i32,
  out: usize, outStride: i32, prepared: usize, scratch: usize,
): void {
  const rowsPerGroup = load<i32>(layout), blockBytes = <usize>load<i32>(layout, 4);
  const blockSize = blockSizeOf(kernel), blocks = rowLength / blockSize;
  const bytesPerRow = <usize>blocks * blockBytes;
  const groupRows = rowsPerGroup == 1 ? 4 : rowsPerGroup;
  const direct = isDirect(kernel, layout), gathered = !direct && isGathered(layout);
  const sumBytes = <usize>actRows << 4;
  for (let row: i32 = 0; row < rows; row += groupRows) {
    const here = min<i32>(groupRows, rows - row), tiles = (here + 3) >> 2;
    memory.fill(scratch + SUMS, 0, <usize>tiles * sumBytes);
    for (let block: i32 = 0; block < blocks; block++) {
      let at = packed + <usize>row * bytesPerRow + <usize>(block * rowsPerGroup) * blockBytes, stride = bytesPerRow;
      if (rowsPerGroup != 1 && !direct && !gathered) {
        unpack_rows(at, scratch + UNPACKED, 1, 1, layout);
        at = scratch + UNPACKED;
        stride = blockBytes;
      }
      for (let t: i32 = 0; t < tiles; t++) {
        const first = <usize>(t << 2);
        if (direct) expandInterleaved(kernel, at, layout, first, scratch, prepared);
        else if (gathered) {
          gatherTile(at, layout, first, scratch + UNPACKED);
          expandTile(kernel, scratch + UNPACKED, blockBytes, 4, scratch, prepared);
        } else expandTile(kernel, at + first * stride, stride, min<i32>(4, here - (t << 2)), scratch, prepared);
        multiplyTile(kernel, scratch, block * blockSize, rowLength, acts, actRows, scratch + SUMS + <usize>t * sumBytes);
      }
    }
    for (let t: i32 = 0; t < tiles; t++)
      writeSums(scratch + SUMS + <usize>t * sumBytes, actRows, out + (<usize>(row + (t << 2)) << 2), <usize>outStride << 2, min<i32>(4, here - (t << 2)));
  }
}
