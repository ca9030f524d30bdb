// Twin of exp-f32.ts: four at a time.
import { exp4 } from "./simd/exp4";

// e^x of `count` f32 (a multiple of four), in place or not.
export function exp_f32(src: usize, dst: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(dst + i, exp4(v128.load(src + i)));
}
