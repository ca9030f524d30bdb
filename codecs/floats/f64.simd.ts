// Twin of f64.ts.

export function decode_f64(src: usize, dst: usize, blocks: i32): void {
  const end = src + (<usize>blocks << 3);
  for (; src + 16 <= end; src += 16, dst += 8) {
    v128.store64_lane(dst, f32x4.demote_f64x2_zero(v128.load(src)), 0);
  }
  if (src < end) store<f32>(dst, <f32>load<f64>(src));
}
