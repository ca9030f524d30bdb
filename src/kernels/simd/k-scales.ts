// The 6-bit scales and minima of q4_K and q5_K, eight at a time. Twelve bytes become sixteen: scales, then minima.

// @ts-ignore: decorator
@inline
export function unpackSixBits(at: usize): v128 {
  const a = load<u32>(at), b = load<u32>(at, 4), c = load<u32>(at, 8);
  const s0 = a & 0x3f3f3f3f, s1 = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
  const m0 = b & 0x3f3f3f3f, m1 = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
  return i32x4(s0, s1, m0, m1);
}

// @ts-ignore: decorator
@inline
function low8(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); }
// @ts-ignore: decorator
@inline
function high8(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31); }
// @ts-ignore: decorator
@inline
function low16(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline
function high16(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

// Two rows of eight scales and two rows of eight minima to two rows of both.
// @ts-ignore: decorator
@inline
function storeTwo(to: usize, scales: v128, minima: v128): void {
  v128.store(to, v128.shuffle<i64>(scales, minima, 0, 2));
  v128.store(to, v128.shuffle<i64>(scales, minima, 1, 3), 16);
}

// The interleaved records of eight rows (one of 12 bytes for each group, a row in the place of a group), turned around:
// for each row sixteen bytes, its eight scales and eight minima.
export function unpackRecords(at: usize, to: usize): void {
  const r0 = unpackSixBits(at), r1 = unpackSixBits(at + 12), r2 = unpackSixBits(at + 24), r3 = unpackSixBits(at + 36);
  const r4 = unpackSixBits(at + 48), r5 = unpackSixBits(at + 60), r6 = unpackSixBits(at + 72), r7 = unpackSixBits(at + 84);
  const s01 = low8(r0, r1), s23 = low8(r2, r3), s45 = low8(r4, r5), s67 = low8(r6, r7);
  const m01 = high8(r0, r1), m23 = high8(r2, r3), m45 = high8(r4, r5), m67 = high8(r6, r7);
  const sa = low16(s01, s23), sb = high16(s01, s23), sc = low16(s45, s67), sd = high16(s45, s67);
  const ma = low16(m01, m23), mb = high16(m01, m23), mc = low16(m45, m67), md = high16(m45, m67);
  storeTwo(to, v128.shuffle<i32>(sa, sc, 0, 4, 1, 5), v128.shuffle<i32>(ma, mc, 0, 4, 1, 5));
  storeTwo(to + 32, v128.shuffle<i32>(sa, sc, 2, 6, 3, 7), v128.shuffle<i32>(ma, mc, 2, 6, 3, 7));
  storeTwo(to + 64, v128.shuffle<i32>(sb, sd, 0, 4, 1, 5), v128.shuffle<i32>(mb, md, 0, 4, 1, 5));
  storeTwo(to + 96, v128.shuffle<i32>(sb, sd, 2, 6, 3, 7), v128.shuffle<i32>(mb, md, 2, 6, 3, 7));
}

// Eight minima (upper half of `both`) as the tile has them: i16, each twice, for the two sixteens of a group.
// @ts-ignore: decorator
@inline
export function storeMinima(to: usize, both: v128): void {
  const wide = i16x8.extend_high_i8x16_u(both);
  v128.store(to, v128.shuffle<i16>(wide, wide, 0, 0, 1, 1, 2, 2, 3, 3));
  v128.store(to, v128.shuffle<i16>(wide, wide, 4, 4, 5, 5, 6, 6, 7, 7), 16);
}
