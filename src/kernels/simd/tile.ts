// The integer tile of four weight rows, the twin of IntegerTile in ../integer-view.ts.
//
//   values   0      4 x 256 i16, row r at r * ROW_BYTES
//   minima   2048   4 x 16 i16, row r at r * 32
//   scales   2176   per step of the block: d of four rows (16 bytes), m of four rows (16 bytes)
//   records  2432   6-bit scales of eight rows, unpacked: 16 bytes a row
//   unpacked 2560   room for one block column of 16 rows, unpacked
//   sums     8192   per tile of four rows and activation row: f32x4

// @ts-ignore: decorator
@inline
export const ROW_BYTES: usize = 512;
// @ts-ignore: decorator
@inline
export const MINIMA: usize = 2048;
// @ts-ignore: decorator
@inline
export const SCALES: usize = 2176;
// @ts-ignore: decorator
@inline
export const RECORDS: usize = 2432;
// @ts-ignore: decorator
@inline
export const UNPACKED: usize = 2560;
// @ts-ignore: decorator
@inline
export const SUMS: usize = 8192;

// Sixteen signed bytes as i16.
// @ts-ignore: decorator
@inline
export function storeSigned(at: usize, bytes: v128): void {
  v128.store(at, i16x8.extend_low_i8x16_s(bytes));
  v128.store(at, i16x8.extend_high_i8x16_s(bytes), 16);
}

// Sixteen signed bytes times a scale as i16.
// @ts-ignore: decorator
@inline
export function storeScaled(at: usize, bytes: v128, scale: i32): void {
  const s = i16x8.splat(<i16>scale);
  v128.store(at, i16x8.mul(i16x8.extend_low_i8x16_s(bytes), s));
  v128.store(at, i16x8.mul(i16x8.extend_high_i8x16_s(bytes), s), 16);
}

// Sixteen bits of `bits` (bit j for byte j) as bytes of all ones or zeros.
// @ts-ignore: decorator
@inline
export function bitMask(bits: u32): v128 {
  const spread = i8x16.swizzle(i32x4.splat(<i32>bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const one = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return i8x16.eq(v128.and(spread, one), one);
}

// Sixteen bit pairs of `bits` (pair j for byte j), each at bit 4 of its byte.
// @ts-ignore: decorator
@inline
export function highPairs(bits: u32): v128 {
  const b = i8x16.swizzle(i32x4.splat(<i32>bits), i8x16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  const first = i8x16.shl(v128.and(b, i32x4.splat(0x00000003)), 4);
  const second = i8x16.shl(v128.and(b, i32x4.splat(0x00000c00)), 2);
  const third = v128.and(b, i32x4.splat(0x00300000));
  const fourth = i8x16.shr_u(v128.and(b, i32x4.splat(<i32>0xc0000000)), 2);
  return v128.or(v128.or(first, second), v128.or(third, fourth));
}
