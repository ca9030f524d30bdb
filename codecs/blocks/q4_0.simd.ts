// Twin of q4_0.ts.
import { decodeSignedBlocks, encodeSignedBlocks } from "./simd/signed-blocks";

export function encode_q4_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  encodeSignedBlocks(4, src, dst, rows, rowLength, importance);
}

export function decode_q4_0(src: usize, dst: usize, blocks: i32): void {
  decodeSignedBlocks(4, src, dst, blocks);
}
