// Twin of q6_K.ts: the sixteen groups of a super-block are searched four to a vector.
import { CODES, loadGroups, nearestIntOf, recodeSixteen, searchedSixteen, storeScale } from "./simd/k-blocks";
import { decodeSixteenSigned, f32OfF16 } from "./simd/k-decode";
import { HALF, ERROR_WEIGHTS, X } from "./simd/k-scale-min";
import { searchFourSignedScales } from "./simd/k-signed";

const BLOCK_BYTES: usize = 210;
const QH: usize = 128;
const SCALES: usize = 192;
const D: usize = 208;
const SMALLEST_GROUP: f32 = 1e-15;

/** Sixteen of each: scales found, their inverses, masks of groups that are not zero. */
const FOUND: usize = memory.data(64, 16);
const INVERSES: usize = memory.data(64, 16);
const ACTIVES: usize = memory.data(64, 16);

export function encode_q6_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  for (let block = 0; block < blocks; block++, src += 1024, dst += BLOCK_BYTES) {
    const columns = importance + (<usize>(block % blocksPerRow) << 10);
    for (let half: usize = 0; half < 2; half++) {
      loadGroups(src + (half << 9), 64, X);
      if (importance != 0) loadGroups(columns + (half << 9), 64, ERROR_WEIGHTS);
      else weighBySquares();
      const at = half << 5;
      searchFourSignedScales(X, ERROR_WEIGHTS, 32, FOUND + at, INVERSES + at, ACTIVES + at);
      searchFourSignedScales(X + HALF, ERROR_WEIGHTS + HALF, 32, FOUND + at + 16, INVERSES + at + 16, ACTIVES + at + 16);
    }
    finish(src, dst);
  }
}

function weighBySquares(): void {
  for (let at: usize = 0; at < 256; at += 16) {
    const a = v128.load(X + at), b = v128.load(X + at, HALF);
    v128.store(ERROR_WEIGHTS + at, f32x4.mul(a, a));
    v128.store(ERROR_WEIGHTS + at, f32x4.mul(b, b), HALF);
  }
}

function finish(src: usize, dst: usize): void {
  let largest: f32 = 0, extreme: f32 = 0;
  for (let j: usize = 0; j < 64; j += 4) {
    const scale = load<f32>(FOUND + j);
    if (abs(scale) > largest) {
      largest = abs(scale);
      extreme = scale;
    }
  }
  if (largest < SMALLEST_GROUP) {
    memory.fill(dst, 0, BLOCK_BYTES);
    return;
  }
  const inverse: f32 = <f32>-128 / extreme;
  const d = storeScale(dst + D, <f32>1 / inverse);
  for (let j: usize = 0; j < 16; j++) {
    const nearest = nearestIntOf(inverse * load<f32>(FOUND + 4 * j));
    const stored = <i8>(nearest < 127 ? nearest : 127);
    store<i8>(dst + SCALES + j, stored);
    const scale = d * <f32>stored, x = src + (j << 6), codes = CODES + (j << 4);
    if (scale != 0) recodeSixteen(x, scale, 0, -32, 31, codes);
    else if (load<i32>(ACTIVES + 4 * j)) searchedSixteen(x, load<f32>(INVERSES + 4 * j), 0, -32, 31, codes);
    else v128.store(codes, i32x4.splat(0));
  }
  const nibble = i8x16.splat(15);
  for (let part: usize = 0; part < 4; part++) {
    // Sixteen bytes each of four neighbours 32 apart; parts 0 and 1 are the first 128 elements.
    const half = part >> 1, from = CODES + (half << 7) + ((part & 1) << 4);
    const a = v128.load(from), b = v128.load(from, 32), c = v128.load(from, 64), e = v128.load(from, 96);
    const at = dst + (half << 6) + ((part & 1) << 4);
    v128.store(at, v128.or(v128.and(a, nibble), i8x16.shl(c, 4)));
    v128.store(at, v128.or(v128.and(b, nibble), i8x16.shl(e, 4)), 32);
    const low = v128.or(i8x16.shr_u(a, 4), i8x16.shl(i8x16.shr_u(b, 4), 2));
    const high = v128.or(i8x16.shl(i8x16.shr_u(c, 4), 4), i8x16.shl(i8x16.shr_u(e, 4), 6));
    v128.store(dst + QH + (part << 4), v128.or(low, high));
  }
}

export function decode_q6_K(src: usize, dst: usize, blocks: i32): void {
  const nibble = i8x16.splat(15), two = i8x16.splat(0x30), offset = i8x16.splat(32);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    const d = f32OfF16(src + D);
    for (let part: usize = 0; part < 4; part++) {
      const half = part >> 1, side = part & 1;
      const low = src + (half << 6) + (side << 4), high = v128.load(src + QH + (part << 4));
      const a = v128.load(low), b = v128.load(low, 32);
      const scales = src + SCALES + (half << 3) + side, out = dst + (half << 9) + (side << 6);
      // Shifts of 16-bit lanes, masked: there are none of bytes on x86.
      const q0 = v128.or(v128.and(a, nibble), v128.and(i16x8.shl(high, 4), two));
      const q1 = v128.or(v128.and(b, nibble), v128.and(i16x8.shl(high, 2), two));
      const q2 = v128.or(v128.and(i16x8.shr_u(a, 4), nibble), v128.and(high, two));
      const q3 = v128.or(v128.and(i16x8.shr_u(b, 4), nibble), v128.and(i16x8.shr_u(high, 2), two));
      decodeSixteenSigned(i8x16.sub(q0, offset), f32x4.splat(d * <f32>load<i8>(scales)), out);
      decodeSixteenSigned(i8x16.sub(q1, offset), f32x4.splat(d * <f32>load<i8>(scales, 2)), out + 128);
      decodeSixteenSigned(i8x16.sub(q2, offset), f32x4.splat(d * <f32>load<i8>(scales, 4)), out + 256);
      decodeSixteenSigned(i8x16.sub(q3, offset), f32x4.splat(d * <f32>load<i8>(scales, 6)), out + 384);
    }
  }
}
