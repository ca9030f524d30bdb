// Eight blocks of 32 of one row in eight lanes, with importance (q4_1, q5_1).
import { f16BitsOfScales } from "../../simd/half";
import { weighByImportance, searchedSixteen } from "../../k-quants/simd/k-blocks";
import { BASES, HALF, INVERSES, MINS, SCALES, ERROR_WEIGHTS, X, searchFirstSlot } from "../../k-quants/simd/k-scale-min";
import { transpose } from "../../simd/lanes";

/** Halves: the scales of the eight blocks, then their minima, in the lower two bytes of each four. */
const HALVES: usize = memory.data(64, 16);
const CODES: usize = memory.data(32, 16);

/** Searches the `blocks` blocks from `src`, at most eight; where there are fewer, the last one fills the lanes. */
export function searchEight(src: usize, importance: usize, blocks: i32, meanSquare: f32, maxCode: i32): void {
  const last = <usize>(blocks - 1) << 7;
  transposeFour(src, 0, last, X);
  transposeFour(src, 512, last, X + HALF);
  transposeFour(importance, 0, last, ERROR_WEIGHTS);
  transposeFour(importance, 512, last, ERROR_WEIGHTS + HALF);
  weighByImportance(32, meanSquare, SCALES);
  searchFirstSlot(32, maxCode, -0.9, 0.05, 36, false);
  v128.store(HALVES, f16BitsOfScales(v128.load(SCALES)));
  v128.store(HALVES, f16BitsOfScales(v128.load(SCALES, 16)), 16);
  v128.store(HALVES, f16BitsOfScales(f32x4.neg(v128.load(MINS))), 32);
  v128.store(HALVES, f16BitsOfScales(f32x4.neg(v128.load(MINS, 16))), 48);
}

function transposeFour(src: usize, at: usize, last: usize, dst: usize): void {
  const s1 = at + 128, s2 = at + 256, s3 = at + 384;
  transpose(
    src + (at < last ? at : last), src + (s1 < last ? s1 : last), src + (s2 < last ? s2 : last), src + (s3 < last ? s3 : last),
    32, dst,
  );
}

/** The scale and minimum that were found for a block, as two halves in one word. */
// @ts-ignore: decorator
@inline
export function scaleAndMin(block: i32): u32 {
  const at = HALVES + (<usize>block << 2);
  return <u32>load<u16>(at) | (<u32>load<u16>(at, 32) << 16);
}

/** The first or second sixteen codes of a block, from its weights. */
// @ts-ignore: decorator
@inline
export function codesFound(src: usize, block: i32, second: usize, maxCode: i32): v128 {
  const at = <usize>block << 2;
  searchedSixteen(src + (second << 6), load<f32>(INVERSES + at), load<f32>(BASES + at), 0, maxCode, CODES);
  return v128.load(CODES);
}
