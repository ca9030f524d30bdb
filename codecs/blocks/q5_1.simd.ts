// Twin of q5_1.ts.
import { decodeMinBlocks, encodeMinBlocks } from "./simd/min-blocks";

export function encode_q5_1(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  encodeMinBlocks(5, src, dst, rows, rowLength, importance);
}

export function decode_q5_1(src: usize, dst: usize, blocks: i32): void {
  decodeMinBlocks(5, src, dst, blocks);
}
