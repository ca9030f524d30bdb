// Twin of f32.ts.

export function encode_f32(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  memory.copy(dst, src, (<usize>rows * <usize>rowLength) << 2);
}

export function decode_f32(src: usize, dst: usize, blocks: i32): void {
  memory.copy(dst, src, <usize>blocks << 2);
}
