// Tiles straight from interleaved blocks of 32 weights dealt in chunks of 4 or 8, scales gathered. The four rows' codes
// come out of four vectors by shuffles, the four scales lie side by side. Super-blocks: expand-interleaved-k.ts;
// everything else is unpacked first (gather.ts).
import { CODE_BITS, DIMENSION, LEVELS, POINTS, TABLES, word } from "../../../codecs/codebooks/simd/prepared-codebook";
import { f32OfF16Bits } from "../../../codecs/simd/half";
import { halfE8m0, high, iq4Table, fp4Table, low, putCodes } from "./expand";
import { expandInterleavedK, isDirectK } from "./expand-interleaved-k";
import { ROW_BYTES, SCALES, storeSigned } from "./tile";

// Sixteen nibble pairs of one row, 32 weights.
// @ts-ignore: decorator
@inline
function putNibbles(kernel: i32, at: usize, v: v128, table: v128): void {
  if (kernel == 0) {
    const eight = i8x16.splat(8);
    storeSigned(at, i8x16.sub(low(v), eight));
    storeSigned(at + 32, i8x16.sub(high(v), eight));
  } else {
    storeSigned(at, i8x16.swizzle(table, low(v)));
    storeSigned(at + 32, i8x16.swizzle(table, high(v)));
  }
}

// `at`: codes of the tile's first row; `step`: bytes from one chunk of a row to its next.
// @ts-ignore: decorator
@inline
function putRows(kernel: i32, at: usize, step: usize, isEight: bool, flip: v128, tile: usize, t0: v128, t1: v128, t2: v128, t3: v128): void {
  let r0: v128, r1: v128, r2: v128, r3: v128;
  if (isEight) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at + step), d = v128.load(at + step, 16);
    r0 = v128.shuffle<i64>(a, c, 0, 2);
    r1 = v128.shuffle<i64>(a, c, 1, 3);
    r2 = v128.shuffle<i64>(b, d, 0, 2);
    r3 = v128.shuffle<i64>(b, d, 1, 3);
  } else {
    const a = v128.load(at), b = v128.load(at + step), c = v128.load(at + 2 * step), d = v128.load(at + 3 * step);
    const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
    const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    r0 = v128.shuffle<i64>(ab0, cd0, 0, 2);
    r1 = v128.shuffle<i64>(ab0, cd0, 1, 3);
    r2 = v128.shuffle<i64>(ab1, cd1, 0, 2);
    r3 = v128.shuffle<i64>(ab1, cd1, 1, 3);
  }
  if (kernel == 4) {
    storeSigned(tile, r0);
    storeSigned(tile + ROW_BYTES, r1);
    storeSigned(tile + 2 * ROW_BYTES, r2);
    storeSigned(tile + 3 * ROW_BYTES, r3);
    return;
  }
  if (kernel == 0) {
    r0 = v128.xor(r0, flip);
    r1 = v128.xor(r1, flip);
    r2 = v128.xor(r2, flip);
    r3 = v128.xor(r3, flip);
  }
  putNibbles(kernel, tile, r0, t0);
  putNibbles(kernel, tile + ROW_BYTES, r1, t1);
  putNibbles(kernel, tile + 2 * ROW_BYTES, r2, t2);
  putNibbles(kernel, tile + 3 * ROW_BYTES, r3, t3);
}

// @ts-ignore: decorator
@inline
function expand(kernel: i32, block: usize, rows: usize, chunk: usize, flip: v128, first: usize, tile: usize, prepared: usize): void {
  let t0 = i64x2.splat(0), t1 = t0, t2 = t0, t3 = t0;
  let codes: usize;
  if (kernel == 6) {
    codes = block + rows;
    for (let r: usize = 0; r < 4; r++) store<f32>(tile + SCALES + (r << 2), halfE8m0(<u32>load<u8>(block + first + r)));
    t0 = t1 = t2 = t3 = fp4Table();
  } else if (kernel == 18) {
    codes = block + 2 * rows;
    const tables = prepared + <usize>word(prepared, TABLES), levels = prepared + <usize>word(prepared, LEVELS);
    const s = block + first, t = s + rows;
    v128.store(tile + SCALES, f32x4(
      load<f32>(levels + (<usize>load<u8>(s) << 2)), load<f32>(levels + (<usize>load<u8>(s, 1) << 2)),
      load<f32>(levels + (<usize>load<u8>(s, 2) << 2)), load<f32>(levels + (<usize>load<u8>(s, 3) << 2)),
    ));
    t0 = v128.load(tables + (<usize>load<u8>(t) << 4));
    t1 = v128.load(tables + (<usize>load<u8>(t, 1) << 4));
    t2 = v128.load(tables + (<usize>load<u8>(t, 2) << 4));
    t3 = v128.load(tables + (<usize>load<u8>(t, 3) << 4));
  } else {
    codes = block + 2 * rows;
    v128.store(tile + SCALES, f32OfF16Bits(v128.load16x4_u(block + 2 * first)));
    if (kernel == 5) t0 = t1 = t2 = t3 = iq4Table();
  }
  const at = codes + first * chunk, step = rows * chunk;
  if (chunk == 8) {
    putRows(kernel, at, step, true, flip, tile, t0, t1, t2, t3);
    if (kernel == 4) putRows(kernel, at + 2 * step, step, true, flip, tile + 32, t0, t1, t2, t3);
  } else {
    putRows(kernel, at, step, false, flip, tile, t0, t1, t2, t3);
    if (kernel == 4) putRows(kernel, at + 4 * step, step, false, flip, tile + 32, t0, t1, t2, t3);
  }
}

// Codebook types of 32 weights with other codes: each row's bytes are collected from their chunks. High bits (four
// bytes a row) lie row by row whatever the chunk.
function expandCodebook(block: usize, rows: usize, chunk: usize, first: usize, tile: usize, prepared: usize): void {
  const points = <usize>word(prepared, POINTS), dimension = word(prepared, DIMENSION), codeBits = word(prepared, CODE_BITS);
  const tables = prepared + <usize>word(prepared, TABLES), levels = prepared + <usize>word(prepared, LEVELS);
  const tableBytes = points * <usize>dimension, lowBytes: usize = codeBits == 3 || dimension == 2 ? 8 : 16;
  const step = rows * chunk, codes = block + 2 * rows;
  for (let r: usize = 0; r < 4; r++) {
    const s = block + first + r, at = codes + (first + r) * chunk;
    store<f32>(tile + SCALES + (r << 2), load<f32>(levels + (<usize>load<u8>(s) << 2)));
    let v: v128;
    if (chunk == 8) {
      v = v128.load64_zero(at);
      if (lowBytes == 16) v = v128.load64_lane(at + step, v, 1);
    } else {
      v = v128.load32_lane(at + step, v128.load32_zero(at), 1);
      if (lowBytes == 16) v = v128.load32_lane(at + 3 * step, v128.load32_lane(at + 2 * step, v, 2), 3);
    }
    const extra = load<u32>(codes + rows * lowBytes + 4 * (first + r));
    putCodes(tile + r * ROW_BYTES, v, extra, tables + <usize>load<u8>(s + rows) * tableBytes, codeBits, dimension);
  }
}

// The layout's field of codes: behind level and table, else the last one.
// @ts-ignore: decorator
@inline
function codesField(kernel: i32, layout: usize): usize {
  return layout + 16 + (kernel == 18 ? 2 : <usize>load<i32>(layout, 8) - 1) * 24;
}

// True for codebooks with 16 entries a table: q4_cb.
// @ts-ignore: decorator
@inline
function isNibbleTable(prepared: usize): bool { return word(prepared, POINTS) == 16 && word(prepared, DIMENSION) == 1; }

// True when expandInterleaved takes this kernel and layout.
export function isDirect(kernel: i32, layout: usize): bool {
  const chunk = load<i32>(codesField(kernel, layout), 8);
  if (load<i32>(layout) == 1 || (chunk != 4 && chunk != 8)) return false;
  if (isDirectK(kernel, load<i32>(layout), chunk)) return true;
  return kernel == 18 || kernel == 0 || kernel == 4 || kernel == 5 || kernel == 6;
}

// Fills the tile with rows first .. first + 3 of an interleaved block.
export function expandInterleaved(kernel: i32, block: usize, layout: usize, first: usize, tile: usize, prepared: usize): void {
  const rows = <usize>load<i32>(layout), codes = codesField(kernel, layout);
  const chunk = <usize>load<i32>(codes, 8), flip = i32x4.splat(load<i32>(codes, 12));
  switch (kernel) {
    case 0: expand(0, block, rows, chunk, flip, first, tile, prepared); break;
    case 4: expand(4, block, rows, chunk, flip, first, tile, prepared); break;
    case 5: expand(5, block, rows, chunk, flip, first, tile, prepared); break;
    case 6: expand(6, block, rows, chunk, flip, first, tile, prepared); break;
    case 12: case 13: case 14: expandInterleavedK(kernel, block, chunk, first, tile); break;
    default:
      if (isNibbleTable(prepared)) expand(18, block, rows, chunk, flip, first, tile, prepared);
      else expandCodebook(block, rows, chunk, first, tile, prepared);
  }
}
