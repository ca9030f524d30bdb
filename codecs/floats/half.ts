/**
 * Conversions between f32 and the small floats: f16 (IEEE binary16), bf16, f8_e4m3 (the "fn" variant: no infinities,
 * one NaN per sign) and f8_e5m2 (the upper byte of an f16).
 *
 * All work on bits, in integers, so that subnormals, infinities and NaN come out the same on every machine.
 * To f16 and bf16: round to nearest, ties to even, subnormals kept; beyond the range: infinity. NaN becomes quiet:
 * f16 forgets its payload, bf16 keeps the upper bits. From the small floats every value is exact; NaN becomes quiet.
 */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The bits of a number rounded to f32. */
export function f32Bits(value: number): number {
  float[0] = value;
  return word[0]!;
}

/** The f32 with these bits. */
export function f32FromBits(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

/** Bits of an f32 to bits of the nearest f16. */
export function f16BitsOfF32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // from 65520 the nearest is infinity
  if (magnitude >= 0x38800000) {
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13); // a carry into the exponent is what we want
  }
  if (magnitude <= 0x33000000) return sign; // up to half of the smallest subnormal, 2^-25, a tie to zero
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23); // to units of 2^-24
  const odd = (significand >>> shift) & 1;
  return sign | ((significand + (1 << (shift - 1)) - 1 + odd) >>> shift);
}

/** Bits of an f16 to bits of the equal f32. */
export function f32BitsOfF16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude > 0x7c00) return (sign | 0x7fc00000 | (magnitude << 13)) >>> 0;
  if (magnitude === 0x7c00) return (sign | 0x7f800000) >>> 0;
  if (magnitude >= 0x0400) return (sign | ((magnitude << 13) + 0x38000000)) >>> 0;
  return (sign | f32Bits(magnitude * 2 ** -24)) >>> 0;
}

/** Bits of an f32 to bits of the nearest bf16. */
export function bf16BitsOfF32Bits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Bits of an f8_e4m3 (exponent bias 7, largest 448, 0x7f and 0xff NaN) to bits of the equal f32. */
export function f32BitsOfE4m3Bits(byte: number): number {
  const sign = (byte & 0x80) << 24;
  const magnitude = byte & 0x7f;
  if (magnitude === 0x7f) return (sign | 0x7fc00000) >>> 0;
  if (magnitude >= 8) return (sign | ((magnitude << 20) + 0x3c000000)) >>> 0;
  return (sign | f32Bits(magnitude * 2 ** -9)) >>> 0;
}

/** Bits of an f8_e5m2 to bits of the equal f32. */
export function f32BitsOfE5m2Bits(byte: number): number {
  return f32BitsOfF16Bits(byte << 8);
}

/**
 * A number, taken as f32, to the bits of the nearest f16. NaN, whose sign JavaScript does not define, to 0xfe00: the one
 * that x86-64 makes of an invalid operation, so that scales which overflowed are ggml's bytes too.
 */
export function f16Bits(value: number): number {
  return value === value ? f16BitsOfF32Bits(f32Bits(value)) : 0xfe00;
}

/** The value of f16 bits. */
export function f16Value(half: number): number {
  return f32FromBits(f32BitsOfF16Bits(half));
}

/** Reads the f16 at `offset`, little-endian. */
export function readF16(bytes: Uint8Array, offset: number): number {
  return f16Value(bytes[offset]! | (bytes[offset + 1]! << 8));
}

/** Writes a number, taken as f32, as the nearest f16 at `offset`, little-endian. */
export function writeF16(bytes: Uint8Array, offset: number, value: number): void {
  const half = f16Bits(value);
  bytes[offset] = half & 0xff;
  bytes[offset + 1] = half >>> 8;
}
