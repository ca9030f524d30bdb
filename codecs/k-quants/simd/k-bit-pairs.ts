// The low two bits of 256 codes: twin of storeBitPairs in ../k-groups.ts.
import { CODES } from "./k-blocks";

/** Stores 64 bytes, four codes 32 apart to a byte, lowest first. */
export function storeBitPairs(dst: usize): void {
  const two = i8x16.splat(3);
  for (let part: usize = 0; part < 4; part++) {
    const from = CODES + ((part >> 1) << 7) + ((part & 1) << 4);
    const a = v128.and(v128.load(from), two), b = v128.and(v128.load(from, 32), two);
    const c = v128.and(v128.load(from, 64), two), e = v128.load(from, 96);
    const low = v128.or(a, i8x16.shl(b, 2)), high = v128.or(i8x16.shl(c, 4), i8x16.shl(e, 6));
    v128.store(dst + (part << 4), v128.or(low, high));
  }
}
