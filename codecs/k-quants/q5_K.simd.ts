// Twin of q5_K.ts.
import { decodeAffineSuperBlocks, encodeAffineSuperBlocks } from "./simd/k-affine";

export function encode_q5_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  encodeAffineSuperBlocks(5, src, dst, rows, rowLength, importance);
}

export function decode_q5_K(src: usize, dst: usize, blocks: i32): void {
  decodeAffineSuperBlocks(5, src, dst, blocks);
}
