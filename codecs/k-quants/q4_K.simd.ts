// Twin of q4_K.ts.
import { decodeAffineSuperBlocks, encodeAffineSuperBlocks } from "./simd/k-affine";

export function encode_q4_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  encodeAffineSuperBlocks(4, src, dst, rows, rowLength, importance);
}

export function decode_q4_K(src: usize, dst: usize, blocks: i32): void {
  decodeAffineSuperBlocks(4, src, dst, blocks);
}
