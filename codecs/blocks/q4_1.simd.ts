// Twin of q4_1.ts.
import { decodeMinBlocks, encodeMinBlocks } from "./simd/min-blocks";

export function encode_q4_1(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  encodeMinBlocks(4, src, dst, rows, rowLength, importance);
}

export function decode_q4_1(src: usize, dst: usize, blocks: i32): void {
  decodeMinBlocks(4, src, dst, blocks);
}
