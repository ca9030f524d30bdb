// Twin of iq4_xs.ts: the eight blocks of a super-block in two rounds of four lanes.
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { inverseOrZero, nearestInt } from "../simd/lanes";
import { levelsOf, loadBlocks, searchLevelScales, storeLevels, weighByImportance, weighBySquares } from "./simd/iq4-search";
import { sumOfSquares } from "../simd/signed-search";
import { highNibbles, lowNibbles, storeProducts } from "../k-quants/simd/sixteen";

const BLOCK_SIZE: i32 = 256;
const BLOCK_BYTES: usize = 136;
/** Four lanes of the mean square or the inverses, and the eight scales. */
const LANES: usize = memory.data(16, 16);
const SCALES: usize = memory.data(32, 16);

export function encode_iq4_xs(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const rowBlocks = rowLength / BLOCK_SIZE;
  for (; rows > 0; rows--) {
    for (let block = 0; block < rowBlocks; block++, src += 1024, dst += BLOCK_BYTES) {
      encodeSuperBlock(src, dst, importance == 0 ? 0 : importance + (<usize>block << 10));
    }
  }
}

function encodeSuperBlock(src: usize, dst: usize, importance: usize): void {
  const spread: f32 = importance == 0 ? 0 : sumOfSquares(src, BLOCK_SIZE) * <f32>0.0078125;
  for (let half: usize = 0; half < 2; half++) {
    const at = half << 9;
    loadBlocks(src + at, 128, 256, 384);
    if (importance == 0) {
      weighBySquares();
    } else {
      v128.store(LANES, f32x4.splat(spread));
      weighByImportance(importance + at, 128, 256, 384, LANES);
    }
    searchLevelScales(SCALES + (half << 4));
  }
  let extreme: f32 = 0;
  for (let b: usize = 0; b < 32; b += 4) {
    const scale = load<f32>(SCALES + b);
    if (abs<f32>(scale) > abs<f32>(extreme)) extreme = scale;
  }
  const d = f32x4.splat(-extreme / 32);
  v128.store16_lane(dst, f16BitsOfScales(d), 0);
  const inverse = inverseOrZero(d);
  let high: i32 = 0, low: i32 = 0;
  for (let half: usize = 0; half < 2; half++) {
    const nearest = nearestInt(f32x4.mul(inverse, v128.load(SCALES + (half << 4))));
    const l = i32x4.max_s(i32x4.splat(-32), i32x4.min_s(i32x4.splat(31), nearest));
    v128.store(LANES, inverseOrZero(f32x4.mul(d, f32x4.convert_i32x4_s(l))));
    loadBlocks(src + (half << 9), 128, 256, 384);
    const codes = dst + 8 + (half << 6);
    storeLevels(LANES, codes, codes + 16, codes + 32, codes + 48);
    const sixBits = i32x4.add(l, i32x4.splat(32));
    const l0 = i32x4.extract_lane(sixBits, 0), l1 = i32x4.extract_lane(sixBits, 1);
    const l2 = i32x4.extract_lane(sixBits, 2), l3 = i32x4.extract_lane(sixBits, 3);
    high |= ((l0 >> 4) | ((l1 >> 4) << 2) | ((l2 >> 4) << 4) | ((l3 >> 4) << 6)) << <i32>(half << 3);
    low |= ((l0 & 15) | ((l1 & 15) << 4) | ((l2 & 15) << 8) | ((l3 & 15) << 12)) << <i32>(half << 4);
  }
  store<u16>(dst, <u16>high, 2);
  store<u32>(dst, low, 4);
}

export function decode_iq4_xs(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES) {
    const d = splatF16(src);
    const high = <i32>load<u16>(src, 2), low = load<u32>(src, 4);
    for (let b: i32 = 0; b < 8; b++, dst += 128) {
      const l = ((low >> (4 * b)) & 15) | (((high >> (2 * b)) & 3) << 4);
      const scale = f32x4.mul(d, f32x4.splat(<f32>(<i32>l - 32)));
      const pairs = v128.load(src + 8 + (<usize>b << 4));
      storeProducts(levelsOf(lowNibbles(pairs)), scale, dst);
      storeProducts(levelsOf(highNibbles(pairs)), scale, dst + 64);
    }
  }
}
