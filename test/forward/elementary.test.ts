import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  exponential,
  LARGEST_ANGLE,
  naturalLogarithm,
  power,
  sineAndCosine,
} from "#dist/src/forward/numerics/elementary.js";
import { expF32 } from "#dist/src/forward/numerics/exp-f32.js";
import { MODULE } from "../support/forward.js";

const close = (found: number, expected: number, bound: number): boolean =>
  found === expected || Math.abs(found - expected) <= bound * Math.abs(expected);

describe("functions in f64 are those of Math within 2^-50", () => {
  const BOUND = 2 ** -50;

  test("e^x", () => {
    fc.assert(
      fc.property(fc.double({ min: -700, max: 709, noNaN: true }), (x) => close(exponential(x), Math.exp(x), BOUND)),
    );
    expect([0, -Infinity, Infinity, 710, -800].map(exponential)).toEqual([1, 0, Infinity, Infinity, 0]);
    expect(exponential(NaN)).toBeNaN();
    expect(exponential(709.7)).toBeCloseTo(Math.exp(709.7), -295);
  });

  test("ln x", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
        const found = naturalLogarithm(x);
        // Near 1 the logarithm is near 0: the error stays small beside the argument's own.
        return close(found, Math.log(x), BOUND) || Math.abs(found - Math.log(x)) < 2 ** -53 * Math.abs(x - 1) * 4;
      }),
    );
    expect([1, 0, Infinity].map(naturalLogarithm)).toEqual([0, -Infinity, Infinity]);
    expect([-1, NaN].map(naturalLogarithm)).toEqual([NaN, NaN]);
  });

  test("x to the power of y, as rotary frequencies take it", () => {
    for (const base of [1e4, 5e5, 1e6, 8e6]) {
      for (let i = 0; i <= 64; i++) expect(close(power(base, -i / 64), base ** (-i / 64), 2 ** -46)).toBe(true);
    }
  });

  test("sine and cosine, up to the largest angle", () => {
    fc.assert(
      fc.property(fc.double({ min: -LARGEST_ANGLE, max: LARGEST_ANGLE, noNaN: true }), (x) => {
        const { sin, cos } = sineAndCosine(x);
        return Math.abs(sin - Math.sin(x)) < 2 ** -48 && Math.abs(cos - Math.cos(x)) < 2 ** -48;
      }),
    );
    expect(sineAndCosine(0)).toEqual({ sin: 0, cos: 1 });
    for (const x of [LARGEST_ANGLE * 1.01, Infinity, NaN]) expect(() => sineAndCosine(x)).toThrow(RangeError);
  });
});

describe("e^x in f32", () => {
  test("is within 2 units in the last place of Math.exp", () => {
    fc.assert(
      fc.property(fc.float({ min: -87, max: 88, noNaN: true }), (x) => {
        const expected = Math.exp(x);
        const unit = 2 ** (Math.floor(Math.log2(expected)) - 23);
        return Math.abs(expF32(x) - expected) <= 2 * unit;
      }),
    );
  });

  test("underflows to 0, overflows to Infinity, keeps NaN", () => {
    expect([-87.34, -1e30, -Infinity].map((x) => expF32(Math.fround(x)))).toEqual([0, 0, 0]);
    expect([88.73, 1e30, Infinity].map((x) => expF32(Math.fround(x)))).toEqual([Infinity, Infinity, Infinity]);
    expect(expF32(NaN)).toBeNaN();
    expect(expF32(0)).toBe(1);
  });

  test("the twin gives the same bits", () => {
    const memory = new WebAssembly.Memory({ initial: 16 });
    const { exports } = new WebAssembly.Instance(MODULE, { env: { memory } });
    const twin = exports["exp_f32"] as (src: number, dst: number, count: number) => void;
    const at = 2 ** 17;
    const values = new Float32Array(memory.buffer, at, 4096);
    const words = new Uint32Array(memory.buffer, at, 4096);
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 4096; i++) {
        if (round === 0) words[i] = Math.imul(i, 0x9e3779b1);
        else values[i] = (i / 4096 - 0.5) * [0, 200, 2, 1e-3][round]!;
      }
      const expected = Uint32Array.from(new Uint32Array(Float32Array.from(values, expF32).buffer));
      const isNaN = values.map((x) => Number(Number.isNaN(x)));
      twin(at, at, 4096);
      for (let i = 0; i < 4096; i++) if (!isNaN[i]) expect(words[i]).toBe(expected[i]);
    }
  });
});
