import { describe, expect, test } from "vitest";
import { findFormat } from "#dist/codecs/registry.js";
import {
  bf16BitsOfF32Bits,
  f16BitsOfF32Bits,
  f16Value,
  f32Bits,
  f32BitsOfE4m3Bits,
  f32BitsOfE5m2Bits,
  f32BitsOfF16Bits,
  f32FromBits,
} from "#dist/codecs/floats/half.js";
import type { Codec } from "#dist/codecs/codec.js";
import { wasmTwin } from "../support/wasm.ts";

/** A float of `exponentBits` and `mantissaBits` read by its definition, in f64. */
function valueOf(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >>> (exponentBits + mantissaBits) ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & ((1 << exponentBits) - 1);
  const fraction = (bits & ((1 << mantissaBits) - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

test("every f16 has its value, and converts back to its bits", () => {
  for (let half = 0; half < 65536; half++) {
    const bits = f32BitsOfF16Bits(half);
    const expected = valueOf(half, 5, 10);
    if (Number.isNaN(expected)) {
      expect(bits).toBe((((half & 0x8000) << 16) | 0x7fc00000 | ((half & 0x3ff) << 13)) >>> 0);
      expect(f16BitsOfF32Bits(bits)).toBe((half & 0x8000) | 0x7e00);
    } else if (bits !== f32Bits(expected) || f16BitsOfF32Bits(bits) !== half) {
      expect.fail(`f16 ${half.toString(16)}: bits ${bits.toString(16)}, expected ${expected}`);
    }
  }
});

test("between two neighbouring f16, the nearer one wins and a tie goes to the even one", () => {
  for (let low = 0; low < 0x7c00; low++) {
    const a = f16Value(low);
    const b = low + 1 === 0x7c00 ? 65536 : f16Value(low + 1);
    const middle = f32Bits((a + b) / 2);
    const got = [middle - 1, middle, middle + 1].map((bits) => f16BitsOfF32Bits(bits));
    const expected = [low, low & 1 ? low + 1 : low, low + 1];
    if (got.join() !== expected.join()) expect.fail(`around ${(a + b) / 2}: ${got}, expected ${expected}`);
    const negative = f16BitsOfF32Bits((middle | 0x80000000) >>> 0);
    if (negative !== (0x8000 | expected[1]!)) expect.fail(`around ${-(a + b) / 2}: ${negative}`);
  }
});

test("every bf16 is kept, ties go to even, NaN becomes quiet", () => {
  for (let half = 0; half < 65536; half++) {
    const isNaN = (half & 0x7fff) > 0x7f80;
    const back = bf16BitsOfF32Bits((half << 16) >>> 0);
    if (back !== (isNaN ? half | 0x40 : half)) expect.fail(`bf16 ${half.toString(16)} -> ${back.toString(16)}`);
    if ((half & 0x7fff) >= 0x7f80) continue;
    const tie = bf16BitsOfF32Bits(((half << 16) | 0x8000) >>> 0);
    if (tie !== half + (half & 1)) expect.fail(`tie above bf16 ${half.toString(16)} -> ${tie.toString(16)}`);
  }
  expect(bf16BitsOfF32Bits(0x7f800001)).toBe(0x7fc0);
});

test("every f8 has its value", () => {
  for (let byte = 0; byte < 256; byte++) {
    const e5m2 = valueOf(byte, 5, 2);
    expect(f32FromBits(f32BitsOfE5m2Bits(byte))).toBe(e5m2);
    const isTop = (byte & 0x78) === 0x78; // e4m3 uses the exponent that would mean infinity
    const magnitude = isTop ? (1 + (byte & 7) / 8) * 256 : NaN;
    const e4m3 = (byte & 0x7f) === 0x7f ? NaN : isTop ? (byte & 0x80 ? -magnitude : magnitude) : valueOf(byte, 4, 3);
    expect(f32FromBits(f32BitsOfE4m3Bits(byte))).toBe(e4m3);
  }
});

// The twins take short ways for runs of ordinary numbers, so each number also stands among unlike neighbours.
const SCATTER = 40503; // odd: a permutation of the 65,536 numbers
describe.each([1, SCATTER])("SIMD, every number, at steps of %i", (step) => {
  const order = Uint16Array.from({ length: 65536 }, (_, i) => i * step);

  test.each(["f16", "bf16"])("%s decodes as defined", (name) => {
    const codec = findFormat(name) as Codec;
    const [scalar, simd] = [new Float32Array(65536), new Float32Array(65536)];
    const bytes = new Uint8Array(order.buffer);
    codec.decode(bytes, scalar);
    wasmTwin(codec)!.decode(bytes, simd);
    expect(Buffer.compare(Buffer.from(simd.buffer), Buffer.from(scalar.buffer))).toBe(0);
  });

  test.each(["f16", "bf16"])("%s encodes ties and their neighbours as defined", (name) => {
    const codec = findFormat(name) as Codec;
    const toBits = name === "f16" ? f32BitsOfF16Bits : (half: number) => half << 16;
    const halfUlp = name === "f16" ? 0x1000 : 0x8000;
    for (const offset of [halfUlp - 1, halfUlp, halfUlp + 1]) {
      const words = Uint32Array.from(order, (half) => toBits(half) + offset);
      const weights = new Float32Array(words.buffer);
      const [scalar, simd] = [new Uint8Array(131072), new Uint8Array(131072)];
      codec.encode!(weights, scalar, { rowLength: 65536 });
      wasmTwin(codec)!.encode!(weights, simd, { rowLength: 65536 });
      expect(Buffer.compare(simd, scalar)).toBe(0);
    }
  });
});

test.each(["f8_e4m3", "f8_e5m2"])("SIMD, every %s decodes as defined", (name) => {
  const codec = findFormat(name) as Codec;
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const [scalar, simd] = [new Float32Array(256), new Float32Array(256)];
  codec.decode(bytes, scalar);
  wasmTwin(codec)!.decode(bytes, simd);
  expect(simd).toEqual(scalar);
});
