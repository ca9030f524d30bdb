// What the twins of the K-quants share around their searches; twin of ../k-groups.ts and ../k-scales.ts.
import { f16BitsOfF32, f32OfF16Bits } from "../../simd/half";
import { transpose } from "../../simd/lanes";
import { HALF, nearestCode, ERROR_WEIGHTS, X } from "./k-scale-min";

/** The codes of one super-block, a byte each. */
export const CODES: usize = memory.data(256, 16);

/** `nearestInt` of one number. */
// @ts-ignore: decorator
@inline
export function nearestIntOf(x: f32): i32 {
  if (x != x) return 0;
  return (reinterpret<i32>(x + 12582912) & 0x007fffff) - 0x00400000;
}

/** Stores a half, NaN as the negative quiet NaN, and returns its value. */
// @ts-ignore: decorator
@inline
export function storeScale(at: usize, value: f32): f32 {
  const bits = value != value ? 0xfe00 : i32x4.extract_lane(f16BitsOfF32(f32x4.splat(value)), 0);
  store<u16>(at, <u16>bits);
  return f32x4.extract_lane(f32OfF16Bits(i32x4.splat(bits)), 0);
}

/**
 * Transposes eight groups of 32 floats, or eight of 16 (`groupBytes` 128 or 64), into X or ERROR_WEIGHTS of the search.
 */
// @ts-ignore: decorator
@inline
export function loadGroups(src: usize, groupBytes: usize, dst: usize): void {
  const count = <i32>(groupBytes >> 2);
  transpose(src, src + groupBytes, src + 2 * groupBytes, src + 3 * groupBytes, count, dst);
  src += 4 * groupBytes;
  transpose(src, src + groupBytes, src + 2 * groupBytes, src + 3 * groupBytes, count, dst + HALF);
}

/** Error weights of a slot without importance, groups of 32: the group's root mean square plus |x|. */
export function weighByMagnitude(slot: usize): void {
  const xs = X + slot, errorWeights = ERROR_WEIGHTS + slot;
  let sum0 = f32x4.splat(0), sum1 = sum0;
  for (let at: usize = 0; at < 512; at += 16) {
    const x0 = v128.load(xs + at), x1 = v128.load(xs + at, HALF);
    sum0 = f32x4.add(sum0, f32x4.mul(x0, x0));
    sum1 = f32x4.add(sum1, f32x4.mul(x1, x1));
  }
  const rms0 = f32x4.sqrt(f32x4.div(sum0, f32x4.splat(32))), rms1 = f32x4.sqrt(f32x4.div(sum1, f32x4.splat(32)));
  for (let at: usize = 0; at < 512; at += 16) {
    v128.store(errorWeights + at, f32x4.add(rms0, f32x4.abs(v128.load(xs + at))));
    v128.store(errorWeights + at, f32x4.add(rms1, f32x4.abs(v128.load(xs + at, HALF))), HALF);
  }
}

/** Turns the importance in a slot's ERROR_WEIGHTS into importance * sqrt(spread + x^2) and stores the groups' sums. */
export function weighByImportance(count: i32, spread: f32, sums: usize, slot: usize = 0): void {
  const mean = f32x4.splat(spread), xs = X + slot, errorWeights = ERROR_WEIGHTS + slot;
  let sum0 = f32x4.splat(0), sum1 = sum0;
  for (let at: usize = 0, end = <usize>count << 4; at < end; at += 16) {
    const x0 = v128.load(xs + at), x1 = v128.load(xs + at, HALF);
    const w0 = f32x4.mul(v128.load(errorWeights + at), f32x4.sqrt(f32x4.add(mean, f32x4.mul(x0, x0))));
    const w1 = f32x4.mul(v128.load(errorWeights + at, HALF), f32x4.sqrt(f32x4.add(mean, f32x4.mul(x1, x1))));
    v128.store(errorWeights + at, w0);
    v128.store(errorWeights + at, w1, HALF);
    sum0 = f32x4.add(sum0, w0);
    sum1 = f32x4.add(sum1, w1);
  }
  v128.store(sums, sum0);
  v128.store(sums, sum1, 16);
}

/** Codes of sixteen weights, nearest((x + min) / scale) within [low, high] minus low, as bytes. */
// @ts-ignore: decorator
@inline
export function recodeSixteen(src: usize, scale: f32, min: f32, low: i32, high: i32, dst: usize): void {
  const d = f32x4.splat(scale), m = f32x4.splat(min), offset = i32x4.splat(low);
  const a = i32x4.sub(nearestCode(f32x4.div(f32x4.add(v128.load(src), m), d), low, high), offset);
  const b = i32x4.sub(nearestCode(f32x4.div(f32x4.add(v128.load(src, 16), m), d), low, high), offset);
  const c = i32x4.sub(nearestCode(f32x4.div(f32x4.add(v128.load(src, 32), m), d), low, high), offset);
  const e = i32x4.sub(nearestCode(f32x4.div(f32x4.add(v128.load(src, 48), m), d), low, high), offset);
  v128.store(dst, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, e)));
}

/** Codes of the search of sixteen weights, nearest(inverse * (x - base)) within [low, high] minus low, as bytes. */
export function searchedSixteen(src: usize, inverse: f32, base: f32, low: i32, high: i32, dst: usize): void {
  const k = f32x4.splat(inverse), m = f32x4.splat(base), offset = i32x4.splat(low);
  const a = i32x4.sub(nearestCode(f32x4.mul(k, f32x4.sub(v128.load(src), m)), low, high), offset);
  const b = i32x4.sub(nearestCode(f32x4.mul(k, f32x4.sub(v128.load(src, 16), m)), low, high), offset);
  const c = i32x4.sub(nearestCode(f32x4.mul(k, f32x4.sub(v128.load(src, 32), m)), low, high), offset);
  const e = i32x4.sub(nearestCode(f32x4.mul(k, f32x4.sub(v128.load(src, 48), m)), low, high), offset);
  v128.store(dst, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, e)));
}

/** Packs the 6-bit scales and minima of q4_K and q5_K, eight bytes each, into twelve. */
export function packScalesAndMins(scales: usize, mins: usize, dst: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    const s0 = load<u8>(scales + j), s4 = load<u8>(scales + j, 4), m0 = load<u8>(mins + j), m4 = load<u8>(mins + j, 4);
    store<u8>(dst + j, s0 | ((s4 >> 4) << 6));
    store<u8>(dst + j, m0 | ((m4 >> 4) << 6), 4);
    store<u8>(dst + j, (s4 & 15) | ((m4 & 15) << 4), 8);
  }
}

/** Scales and minima out of twelve packed bytes, times d and dmin: eight floats, and eight more 32 bytes on. */
// @ts-ignore: decorator
@inline
export function unpackScalesAndMins(at: usize, d: f32, dmin: f32, dst: usize): void {
  // Four bytes at a time: the low six bits of the first eight, then nibbles topped with the bits above those.
  const a = load<u32>(at), b = load<u32>(at, 4), c = load<u32>(at, 8);
  const scales = <u64>(a & 0x3f3f3f3f) | (<u64>((c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030)) << 32);
  const mins = <u64>(b & 0x3f3f3f3f) | (<u64>(((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)) << 32);
  storeProducts(scales, d, dst);
  storeProducts(mins, dmin, dst + 32);
}

/** Eight unsigned bytes times a number, as floats. */
// @ts-ignore: decorator
@inline
function storeProducts(bytes: u64, factor: f32, dst: usize): void {
  const words = i16x8.extend_low_i8x16_u(i64x2.splat(bytes)), k = f32x4.splat(factor);
  v128.store(dst, f32x4.mul(k, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(words))));
  v128.store(dst, f32x4.mul(k, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(words))), 16);
}
