/** Types for a size, against every choice there is. */
import { describe, expect, test } from "vitest";
import { mixTypes, type TypeOption } from "#dist/src/plan/mix-types.js";
import { uniform } from "../support/weights.js";

/** Tensors whose options lose less the larger they are, as types do. */
function tensors(seed: number, count: number, types: number): TypeOption[][] {
  const random = uniform(seed);
  return Array.from({ length: count }, () => {
    const [size, importance] = [100 + Math.floor(random() * 900), random() ** 2];
    return Array.from({ length: types }, (_, type) => ({
      codec: `type${type}`,
      bytes: size * (3 + type),
      loss: importance * 4 ** -type * (0.9 + 0.2 * random()),
    }));
  });
}

/** The least loss of all choices that fit. */
function leastLoss(options: readonly (readonly TypeOption[])[], maxBytes: number): number {
  const [first, ...rest] = options;
  if (first === undefined) return 0;
  const losses = first.map(({ bytes, loss }) =>
    bytes > maxBytes ? Infinity : loss + leastLoss(rest, maxBytes - bytes),
  );
  return Math.min(...losses);
}

const bytesOf = (options: readonly (readonly TypeOption[])[], pick: (own: number[]) => number): number =>
  options.reduce((sum, own) => sum + pick(own.map(({ bytes }) => bytes)), 0);

describe.each([1, 2, 3, 4, 5, 6])("tensors of seed %d", (seed) => {
  const options = tensors(seed, 8, 4);
  const [least, most] = [bytesOf(options, (own) => Math.min(...own)), bytesOf(options, (own) => Math.max(...own))];

  test.each([0, 0.1, 0.25, 0.5, 0.75, 0.9])(
    "a mix at %d of the way is near the best there is, and knows how near",
    (share) => {
      const maxBytes = Math.floor(least + share * (most - least));
      const mix = mixTypes(options, maxBytes);
      const best = leastLoss(options, maxBytes);
      const chosen = mix.choices.map((choice, i) => options[i]![choice]!);
      expect(mix.bytes).toBe(chosen.reduce((sum, { bytes }) => sum + bytes, 0));
      expect(mix.loss).toBeCloseTo(
        chosen.reduce((sum, { loss }) => sum + loss, 0),
        12,
      );
      expect(mix.bytes).toBeLessThanOrEqual(maxBytes);
      expect(mix.bound).toBeLessThanOrEqual(best + 1e-12);
      expect(mix.loss).toBeGreaterThanOrEqual(best - 1e-12);
      expect(mix.loss).toBeLessThanOrEqual(1.25 * best);
    },
  );

  test("room for everything: the best types, and nothing is better", () => {
    const mix = mixTypes(options, most);
    expect(mix.loss).toBeCloseTo(leastLoss(options, most), 12);
    expect(mix.bound).toBeCloseTo(mix.loss, 12);
  });

  test("a byte too little for the smallest types is said", () => {
    expect(() => mixTypes(options, least - 1)).toThrow(`the smallest of the candidates take ${least} bytes`);
  });
});

test("of types that lose the same the smallest is taken", () => {
  const own = [10, 5, 7].map((bytes) => ({ codec: `${bytes}`, bytes, loss: 0 }));
  expect(mixTypes([own, own], 100)).toMatchObject({ choices: [1, 1], bytes: 10, loss: 0, bound: 0 });
});
