// Twin of pack.ts, driven by the table of layout-table.ts. It runs over every packed weight, so the common chunks of 4
// and 8 bytes move as whole words; odd ones byte by byte. `groups` groups of rows, `blocksPerRow` block columns.
// src and dst must not overlap.

// Deals (or, when UNPACK, gathers back) one field of one interleaved block.
// @ts-ignore: decorator
@inline
function moveField<UNPACK>(src: usize, dst: usize, rows: usize, rowBytes: usize, bytes: usize, chunk: usize, xor: u32): void {
  const xor8: u64 = (<u64>xor << 32) | <u64>xor;
  if ((chunk & 7) == 0) {
    for (let r: usize = 0; r < rows; r++) {
      let a = r * rowBytes, b = r * chunk;
      for (let c: usize = 0; c < bytes; c += chunk, a += chunk, b += rows * chunk)
        for (let k: usize = 0; k < chunk; k += 8) {
          if (isInteger<UNPACK>()) store<u64>(dst + a + k, load<u64>(src + b + k) ^ xor8);
          else store<u64>(dst + b + k, load<u64>(src + a + k) ^ xor8);
        }
    }
  } else if (chunk == 4) {
    for (let r: usize = 0; r < rows; r++) {
      let a = r * rowBytes, b = r * 4;
      for (let c: usize = 0; c < bytes; c += 4, a += 4, b += rows * 4) {
        if (isInteger<UNPACK>()) store<u32>(dst + a, load<u32>(src + b) ^ xor);
        else store<u32>(dst + b, load<u32>(src + a) ^ xor);
      }
    }
  } else if (chunk == 2) {
    for (let r: usize = 0; r < rows; r++) {
      let a = r * rowBytes, b = r * 2;
      for (let c: usize = 0; c < bytes; c += 2, a += 2, b += rows * 2) {
        if (isInteger<UNPACK>()) store<u16>(dst + a, load<u16>(src + b) ^ <u16>xor);
        else store<u16>(dst + b, load<u16>(src + a) ^ <u16>xor);
      }
    }
  } else {
    for (let r: usize = 0; r < rows; r++) {
      let a = r * rowBytes, b = r * chunk;
      for (let c: usize = 0; c < bytes; c += chunk, a += chunk, b += rows * chunk)
        for (let k: usize = 0; k < chunk; k++) {
          if (isInteger<UNPACK>()) store<u8>(dst + a + k, load<u8>(src + b + k) ^ <u8>xor);
          else store<u8>(dst + b + k, load<u8>(src + a + k) ^ <u8>xor);
        }
    }
  }
}

// The same for a field whose bits are permuted: order[row * bits + bit] is the interleaved bit.
// @ts-ignore: decorator
@inline
function moveBits<UNPACK>(src: usize, dst: usize, rows: usize, rowBytes: usize, bytes: usize, order: usize): void {
  if (isInteger<UNPACK>()) {
    for (let r: usize = 0; r < rows; r++)
      for (let k: usize = 0; k < bytes; k++) {
        let value: u32 = 0;
        for (let i: u32 = 0; i < 8; i++) {
          const bit = <u32>load<u16>(order);
          order += 2;
          value |= ((<u32>load<u8>(src + (bit >> 3)) >> (bit & 7)) & 1) << i;
        }
        store<u8>(dst + r * rowBytes + k, <u8>value);
      }
  } else {
    memory.fill(dst, 0, rows * bytes);
    for (let r: usize = 0; r < rows; r++)
      for (let k: usize = 0; k < bytes; k++) {
        const value = <u32>load<u8>(src + r * rowBytes + k);
        for (let i: u32 = 0; i < 8; i++) {
          const bit = <u32>load<u16>(order);
          order += 2;
          const at = dst + (bit >> 3);
          store<u8>(at, load<u8>(at) | <u8>(((value >> i) & 1) << (bit & 7)));
        }
      }
  }
}

// @ts-ignore: decorator
@inline
function moveAll<UNPACK>(src: usize, dst: usize, groups: i32, blocksPerRow: i32, layout: usize): void {
  const rows = <usize>load<i32>(layout), blockBytes = <usize>load<i32>(layout, 4), fields = <usize>load<i32>(layout, 8);
  const rowBytes = <usize>blocksPerRow * blockBytes;
  for (let g: i32 = 0; g < groups; g++) {
    for (let x: usize = 0; x < <usize>blocksPerRow; x++) {
      let interleaved = x * rows * blockBytes;
      for (let f: usize = 0; f < fields; f++) {
        const field = layout + 16 + f * 24;
        const rowOrder = x * blockBytes + <usize>load<i32>(field), bytes = <usize>load<i32>(field, 4);
        const from = src + (isInteger<UNPACK>() ? interleaved : rowOrder), to = dst + (isInteger<UNPACK>() ? rowOrder : interleaved);
        const order = <usize>load<i32>(field, 16);
        if (order) moveBits<UNPACK>(from, to, rows, rowBytes, bytes, layout + order);
        else moveField<UNPACK>(from, to, rows, rowBytes, bytes, <usize>load<i32>(field, 8), load<u32>(field, 12));
        interleaved += rows * bytes;
      }
    }
    src += rows * rowBytes;
    dst += rows * rowBytes;
  }
}

// Row-major blocks at src to interleaved blocks at dst.
export function pack_rows(src: usize, dst: usize, groups: i32, blocksPerRow: i32, layout: usize): void {
  moveAll<f32>(src, dst, groups, blocksPerRow, layout);
}

// Interleaved blocks at src to row-major blocks at dst.
export function unpack_rows(src: usize, dst: usize, groups: i32, blocksPerRow: i32, layout: usize): void {
  moveAll<i32>(src, dst, groups, blocksPerRow, layout);
}
