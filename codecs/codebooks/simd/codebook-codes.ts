// Codes to and from the bytes of blocks: twin of ../codebook-codes.ts, and of the decoder in ../codebook-format.ts.
import { CODE_BITS, DIMENSION, GROUP_SIZE, LEVELS, POINTS, TABLES, word } from "./prepared-codebook";

/** Writes the codes of a block. */
// @ts-ignore: decorator
@inline
export function packCodes(prepared: usize, codes: usize, dst: usize): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const bits = word(prepared, CODE_BITS);
  const spans = groupSize >> 5;
  if (word(prepared, DIMENSION) == 2) {
    for (let span: usize = 0; span < spans; span++) {
      const c = codes + (span << 4);
      const low = load<u64>(c), high = load<u64>(c, 8);
      store<u64>(dst + (span << 3), (low & 0x0f0f0f0f0f0f0f0f) | ((high & 0x0f0f0f0f0f0f0f0f) << 4));
      if (bits == 6) {
        for (let byte: usize = 0; byte < 4; byte++) {
          const four = load<u32>(c + (byte << 2)) >> 4;
          store<u8>(dst + (spans << 3) + (span << 2) + byte, (four & 3) | ((four >> 6) & 12) | ((four >> 12) & 48) | ((four >> 18) & 192));
        }
      }
    }
    return;
  }
  for (let span: usize = 0; span < spans; span++) {
    const c = codes + (span << 5);
    const low = v128.load(c), high = v128.load(c, 16);
    if (bits == 3) {
      const three: u64 = 0x0303030303030303;
      store<u64>(
        dst + (span << 3),
        (load<u64>(c) & three) | ((load<u64>(c, 8) & three) << 2) | ((load<u64>(c, 16) & three) << 4) | ((load<u64>(c, 24) & three) << 6),
      );
      store<u32>(dst + (spans << 3) + (span << 2), i8x16.bitmask(i8x16.shl(low, 5)) | (i8x16.bitmask(i8x16.shl(high, 5)) << 16));
      continue;
    }
    const fifteen = i8x16.splat(15);
    v128.store(dst + (span << 4), v128.or(v128.and(low, fifteen), i8x16.shl(high, 4)));
    if (bits == 5) store<u32>(dst + (spans << 4) + (span << 2), i8x16.bitmask(i8x16.shl(low, 3)) | (i8x16.bitmask(i8x16.shl(high, 3)) << 16));
  }
}

// @ts-ignore: decorator
@inline
function storeProduct(dst: usize, entries: v128, level: f32): void {
  const l = f32x4.splat(level);
  const a = i16x8.extend_low_i8x16_s(entries), b = i16x8.extend_high_i8x16_s(entries);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(a))));
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(a))), 16);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(b))), 32);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(b))), 48);
}

/** Whole blocks to f32. */
export function decodeBlocks(src: usize, dst: usize, blocks: i32, prepared: usize): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const dimension = <usize>word(prepared, DIMENSION);
  const points = <usize>word(prepared, POINTS);
  const bits = <usize>word(prepared, CODE_BITS);
  const blockBytes: usize = 2 + (groupSize / dimension / 8) * bits;
  const levels = prepared + <usize>word(prepared, LEVELS);
  const tables = prepared + <usize>word(prepared, TABLES);
  const spans = groupSize >> 5;
  const lowBytes: usize = bits == 3 ? 8 : 16 / dimension;
  const count: usize = 32 / dimension, half: usize = count >> 1;
  for (let block: i32 = 0; block < blocks; block++) {
    const level = load<f32>(levels + (<usize>load<u8>(src) << 2));
    const table = tables + <usize>load<u8>(src, 1) * points * dimension;
    for (let span: usize = 0; span < spans; span++) {
      const low = src + 2 + span * lowBytes;
      const high = src + 2 + spans * lowBytes + (span << 2);
      if (dimension == 1 && bits == 4) {
        const q = v128.load(low), entries = v128.load(table);
        storeProduct(dst, i8x16.swizzle(entries, v128.and(q, i8x16.splat(15))), level);
        storeProduct(dst + 64, i8x16.swizzle(entries, i8x16.shr_u(q, 4)), level);
      } else {
        const highBits = bits == 4 ? 0 : load<u32>(high);
        for (let j: usize = 0; j < count; j++) {
          let code: u32;
          if (bits == 3) code = ((<u32>load<u8>(low + (j & 7)) >> <u32>((j >> 3) << 1)) & 3) | (((highBits >> <u32>j) & 1) << 2);
          else {
            const byte = <u32>load<u8>(low + (j < half ? j : j - half));
            code = j < half ? byte & 15 : byte >> 4;
            if (bits == 5) code |= ((highBits >> <u32>j) & 1) << 4;
            if (bits == 6) code |= ((highBits >> <u32>(j << 1)) & 3) << 4;
          }
          if (dimension == 1) store<f32>(dst + (j << 2), level * <f32>load<i8>(table + <usize>code));
          else {
            store<f32>(dst + (j << 3), level * <f32>load<i8>(table + <usize>code));
            store<f32>(dst + (j << 3), level * <f32>load<i8>(table + points + <usize>code), 4);
          }
        }
      }
      dst += 128;
    }
    src += blockBytes;
  }
}
