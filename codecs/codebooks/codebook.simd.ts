// Twin of codebook-encode.ts and of the decoder in codebook-format.ts: same arithmetic, same bytes. `prepared` is the
// address of a copy of what prepare-codebook.ts makes. One group at a time: the tables lie in the lanes of the search,
// the weights in the lanes of the refinement.
import { decodeBlocks, packCodes } from "./simd/codebook-codes";
import { BEST_CODES, CODE_BITS, DIMENSION, GROUP_SIZE, LEVEL, SCRATCH, TABLE, word } from "./simd/prepared-codebook";
import { searchGroup } from "./simd/group-search";

function encodeGroups(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const blockBytes: usize = 2 + (groupSize / <usize>word(prepared, DIMENSION) / 8) * <usize>word(prepared, CODE_BITS);
  const scratch = prepared + <usize>word(prepared, SCRATCH);
  for (let row: i32 = 0; row < rows; row++) {
    for (let column: usize = 0; column < <usize>rowLength; column += groupSize) {
      searchGroup(prepared, src, importance == 0 ? 0 : importance + (column << 2));
      store<u8>(dst, load<i32>(scratch, LEVEL));
      store<u8>(dst, load<i32>(scratch, TABLE), 1);
      packCodes(prepared, scratch + BEST_CODES, dst + 2);
      src += groupSize << 2;
      dst += blockBytes;
    }
  }
}

export function encode_q5_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q5_cb(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q5_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q5_cb_g64(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q4_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q4_cb(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q4_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q4_cb_g64(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q3_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q3_cb(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q3_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q3_cb_g64(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q3_cb2(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q3_cb2(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q2_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q2_cb(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
export function encode_q2_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, prepared: usize): void {
  encodeGroups(src, dst, rows, rowLength, importance, prepared);
}
export function decode_q2_cb_g64(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  decodeBlocks(src, dst, blocks, prepared);
}
