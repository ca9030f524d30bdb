// Four rows of an interleaved block as row-major blocks, one after the other: what unpack_rows does, for a tile and
// fast.

// Moves one field: `from` the first row's first chunk, `step` bytes to a row's next chunk, `stride` between blocks.
// @ts-ignore: decorator
@inline
function gatherField(from: usize, to: usize, bytes: usize, chunk: usize, step: usize, stride: usize, xor: i32): void {
  const flip = i32x4.splat(xor);
  const to1 = to + stride, to2 = to1 + stride, to3 = to2 + stride;
  if (chunk == 8 && (bytes & 15) == 0) {
    for (let k: usize = 0; k < bytes; k += 16, from += 2 * step) {
      const a = v128.xor(v128.load(from), flip), b = v128.xor(v128.load(from, 16), flip);
      const c = v128.xor(v128.load(from + step), flip), d = v128.xor(v128.load(from + step, 16), flip);
      v128.store(to + k, v128.shuffle<i64>(a, c, 0, 2));
      v128.store(to1 + k, v128.shuffle<i64>(a, c, 1, 3));
      v128.store(to2 + k, v128.shuffle<i64>(b, d, 0, 2));
      v128.store(to3 + k, v128.shuffle<i64>(b, d, 1, 3));
    }
  } else if (chunk == 4 && (bytes & 15) == 0) {
    for (let k: usize = 0; k < bytes; k += 16, from += 4 * step) {
      const a = v128.xor(v128.load(from), flip), b = v128.xor(v128.load(from + step), flip);
      const c = v128.xor(v128.load(from + 2 * step), flip), d = v128.xor(v128.load(from + 3 * step), flip);
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      v128.store(to + k, v128.shuffle<i64>(ab0, cd0, 0, 2));
      v128.store(to1 + k, v128.shuffle<i64>(ab0, cd0, 1, 3));
      v128.store(to2 + k, v128.shuffle<i64>(ab1, cd1, 0, 2));
      v128.store(to3 + k, v128.shuffle<i64>(ab1, cd1, 1, 3));
    }
  } else if ((chunk & 3) == 0) {
    for (let k: usize = 0; k < bytes; k += chunk, from += step)
      for (let i: usize = 0; i < chunk; i += 4) {
        store<i32>(to + k + i, load<i32>(from + i) ^ xor);
        store<i32>(to1 + k + i, load<i32>(from + chunk + i) ^ xor);
        store<i32>(to2 + k + i, load<i32>(from + 2 * chunk + i) ^ xor);
        store<i32>(to3 + k + i, load<i32>(from + 3 * chunk + i) ^ xor);
      }
  } else if (chunk == 2) {
    for (let k: usize = 0; k < bytes; k += 2, from += step) {
      store<u16>(to + k, load<u16>(from) ^ <u16>xor);
      store<u16>(to1 + k, load<u16>(from, 2) ^ <u16>xor);
      store<u16>(to2 + k, load<u16>(from, 4) ^ <u16>xor);
      store<u16>(to3 + k, load<u16>(from, 6) ^ <u16>xor);
    }
  } else if (chunk == 1) {
    for (let k: usize = 0; k < bytes; k++, from += step) {
      const four = load<u32>(from) ^ <u32>xor;
      store<u8>(to + k, <u8>four);
      store<u8>(to1 + k, <u8>(four >> 8));
      store<u8>(to2 + k, <u8>(four >> 16));
      store<u8>(to3 + k, <u8>(four >> 24));
    }
  } else {
    for (let k: usize = 0; k < bytes; k += chunk, from += step)
      for (let r: usize = 0; r < 4; r++)
        for (let i: usize = 0; i < chunk; i++) store<u8>(to + r * stride + k + i, load<u8>(from + r * chunk + i) ^ <u8>xor);
  }
}

// Rows first .. first + 3 of the interleaved block to four blocks at `to`.
export function gatherTile(block: usize, layout: usize, first: usize, to: usize): void {
  const rows = <usize>load<i32>(layout), blockBytes = <usize>load<i32>(layout, 4), fields = <usize>load<i32>(layout, 8);
  for (let f: usize = 0; f < fields; f++) {
    const field = layout + 16 + f * 24;
    const bytes = <usize>load<i32>(field, 4), chunk = <usize>load<i32>(field, 8);
    gatherField(block + first * chunk, to + <usize>load<i32>(field), bytes, chunk, rows * chunk, blockBytes, load<i32>(field, 12));
    block += rows * bytes;
  }
}

// True for interleaved layouts without permuted bits.
export function isGathered(layout: usize): bool {
  const fields = <usize>load<i32>(layout, 8);
  for (let f: usize = 0; f < fields; f++) if (load<i32>(layout + 16 + f * 24, 16)) return false;
  return load<i32>(layout) > 1;
}
