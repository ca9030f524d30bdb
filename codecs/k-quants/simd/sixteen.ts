// Sixteen neighbouring weights to sixteen bytes of codes, and back.

/** min(most, trunc(x * inverse + offset)), a byte each; NaN to 0. The sum must lie in [0, 255). */
// @ts-ignore: decorator
@inline
export function codesOfSixteen(src: usize, inverse: v128, offset: f32, most: i32): v128 {
  const shift = f32x4.splat(offset);
  return narrowToBytes(
    integerPart(f32x4.add(f32x4.mul(v128.load(src), inverse), shift)),
    integerPart(f32x4.add(f32x4.mul(v128.load(src, 16), inverse), shift)),
    integerPart(f32x4.add(f32x4.mul(v128.load(src, 32), inverse), shift)),
    integerPart(f32x4.add(f32x4.mul(v128.load(src, 48), inverse), shift)),
    most,
  );
}

/** min(most, trunc((x - min) * inverse + 0.5)), a byte each; NaN to 0. The sum must lie in [0, 255). */
// @ts-ignore: decorator
@inline
export function codesAboveMin(src: usize, min: v128, inverse: v128, most: i32): v128 {
  const half = f32x4.splat(0.5);
  return narrowToBytes(
    integerPart(f32x4.add(f32x4.mul(f32x4.sub(v128.load(src), min), inverse), half)),
    integerPart(f32x4.add(f32x4.mul(f32x4.sub(v128.load(src, 16), min), inverse), half)),
    integerPart(f32x4.add(f32x4.mul(f32x4.sub(v128.load(src, 32), min), inverse), half)),
    integerPart(f32x4.add(f32x4.mul(f32x4.sub(v128.load(src, 48), min), inverse), half)),
    most,
  );
}

/**
 * Integer part of numbers in [0, 255); for infinities and NaN something beyond 16 bits or below 0.
 *
 * In 2^23 + k the integer k is what the bits have more than those of 2^23: cheaper than a saturating conversion.
 */
// @ts-ignore: decorator
@inline
function integerPart(x: v128): v128 {
  const two23 = f32x4.splat(8388608);
  return i32x4.sub(f32x4.add(f32x4.trunc(x), two23), two23);
}

/** Four vectors of integers as bytes, none above `most`; what is beyond 16 bits becomes 0xffff, which is -1 and so 0. */
// @ts-ignore: decorator
@inline
function narrowToBytes(a: v128, b: v128, c: v128, d: v128, most: i32): v128 {
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d));
  return i8x16.min_u(bytes, i8x16.splat(<i8>most));
}

/** Sixteen signed bytes times d. */
// @ts-ignore: decorator
@inline
export function storeProducts(codes: v128, d: v128, dst: usize): void {
  const low = i16x8.extend_low_i8x16_s(codes), high = i16x8.extend_high_i8x16_s(codes);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), d));
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), d), 16);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), d), 32);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), d), 48);
}

/** Sixteen signed bytes times d, plus m, rounded twice. */
// @ts-ignore: decorator
@inline
export function storeProductsPlus(codes: v128, d: v128, m: v128, dst: usize): void {
  const low = i16x8.extend_low_i8x16_s(codes), high = i16x8.extend_high_i8x16_s(codes);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), d), m));
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), d), m), 16);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), d), m), 32);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), d), m), 48);
}

/** Sixteen bytes of nibbles: the low halves. */
// @ts-ignore: decorator
@inline
export function lowNibbles(pairs: v128): v128 {
  return v128.and(pairs, i8x16.splat(15));
}

/** Sixteen bytes of nibbles: the high halves. */
// @ts-ignore: decorator
@inline
export function highNibbles(pairs: v128): v128 {
  return v128.and(i16x8.shr_u(pairs, 4), i8x16.splat(15));
}

/** Low nibbles of two vectors of bytes in one, the second high. */
// @ts-ignore: decorator
@inline
export function joinNibbles(low: v128, high: v128): v128 {
  return v128.or(lowNibbles(low), i16x8.shl(lowNibbles(high), 4));
}

/** Bit 4 of sixteen bytes below 32, as 16 bits. */
// @ts-ignore: decorator
@inline
export function fifthBits(codes: v128): i32 {
  return i8x16.bitmask(i16x8.shl(codes, 3));
}

/** Sixteen bits as bytes of 0 or 16. */
// @ts-ignore: decorator
@inline
export function spreadFifthBits(bits: i32): v128 {
  const bytes = i8x16.shuffle(i16x8.splat(<i16>bits), i16x8.splat(<i16>bits), 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const each = i64x2.splat(0x8040201008040201);
  return v128.and(i8x16.eq(v128.and(bytes, each), each), i8x16.splat(16));
}
