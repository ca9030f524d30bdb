// Twin of iq4_nl.ts: each lane searches a block of its own.
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { inverseOrZero, storeHalves } from "../simd/lanes";
import { levelsOf, loadBlocks, searchLevelScales, storeLevels, storeSpread, weighByImportance, weighBySquares } from "./simd/iq4-search";
import { highNibbles, lowNibbles, storeProducts } from "../k-quants/simd/sixteen";

const BLOCK_SIZE: i32 = 32;
const BLOCK_BYTES: usize = 18;
/** Four lanes: mean squares, then scales, then their inverses. */
const LANES: usize = memory.data(16, 16);

export function encode_iq4_nl(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const rowBlocks = rowLength / BLOCK_SIZE;
  // Without importance rows do not matter, and short ones leave no lane idle.
  const blocks = importance == 0 ? rows * rowBlocks : rowBlocks;
  const runs = importance == 0 ? 1 : rows;
  for (let run = 0; run < runs; run++) {
    for (let block = 0; block < blocks; block += 4) {
      // The last group repeats the last block: it is encoded again to the same bytes.
      const n1: usize = block + 1 < blocks ? 1 : 0;
      const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
      const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
      const at = <usize>block << 7;
      loadBlocks(src + at, n1 << 7, n2 << 7, n3 << 7);
      if (importance == 0) {
        weighBySquares();
      } else {
        storeSpread(LANES);
        weighByImportance(importance + at, n1 << 7, n2 << 7, n3 << 7, LANES);
      }
      searchLevelScales(LANES);
      const scale = v128.load(LANES);
      const d0 = dst + <usize>block * BLOCK_BYTES, d1 = d0 + n1 * BLOCK_BYTES;
      const d2 = d0 + n2 * BLOCK_BYTES, d3 = d0 + n3 * BLOCK_BYTES;
      storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
      v128.store(LANES, inverseOrZero(scale));
      storeLevels(LANES, d0 + 2, d1 + 2, d2 + 2, d3 + 2);
    }
    src += <usize>rowLength << 2;
    dst += <usize>rowBlocks * BLOCK_BYTES;
  }
}

export function decode_iq4_nl(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = splatF16(src), pairs = v128.load(src, 2);
    storeProducts(levelsOf(lowNibbles(pairs)), d, dst);
    storeProducts(levelsOf(highNibbles(pairs)), d, dst + 64);
  }
}
