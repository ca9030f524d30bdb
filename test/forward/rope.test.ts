import { expect, test } from "vitest";
import { ropeFrequencies, ropeTable, turnHeads, type RopeParameters } from "#dist/src/forward/numerics/rope.js";

const PLAIN: RopeParameters = { dimensions: 8, base: 10_000, scale: 1, magnitude: 1 };

/** base^(-2i/d) by Math. */
const plain = ({ dimensions, base }: RopeParameters): number[] =>
  Array.from({ length: dimensions / 2 }, (_, i) => base ** ((-2 * i) / dimensions));

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! / value - 1)).toBeLessThan(1e-13);
}

test("without scaling, pair i of n turns by base^(-i/n) per position", () => {
  expectClose(ropeFrequencies(PLAIN), plain(PLAIN));
});

test("linear scaling turns all of them by the same part", () => {
  const scaled = { ...PLAIN, scale: 1 / 4 };
  expectClose(
    ropeFrequencies(scaled),
    plain(PLAIN).map((f) => f / 4),
  );
});

test("factors divide each frequency", () => {
  const factors = Float32Array.of(1, 2, 4, 8);
  expectClose(
    ropeFrequencies({ ...PLAIN, factors }),
    plain(PLAIN).map((f, i) => f / factors[i]!),
  );
});

test("YaRN keeps fast pairs, scales slow ones, and blends in between", () => {
  const yarn = { originalContext: 2048, betaFast: 32, betaSlow: 1 };
  const parameters = { ...PLAIN, dimensions: 64, scale: 1 / 16, yarn };
  const turnsAt = (turns: number): number =>
    (64 * Math.log(2048 / (turns * 2 * Math.PI))) / (2 * Math.log(parameters.base));
  const [start, end] = [Math.floor(turnsAt(32)), Math.ceil(turnsAt(1))];
  const found = ropeFrequencies(parameters);
  const expected = plain(parameters).map((f, i) => {
    const kept = 1 - Math.min(1, Math.max(0, (i - start) / (end - start)));
    return f * kept + (f / 16) * (1 - kept);
  });
  expectClose(found, expected);
  expect(start).toBeGreaterThan(0);
  expect(found[0]).toBe(plain(parameters)[0]);
  expect(found[31]! / plain(parameters)[31]!).toBeCloseTo(1 / 16, 12);
});

test("a table holds cosine and sine of every pair, times the magnitude", () => {
  const table = ropeTable({ ...PLAIN, magnitude: 1.5 }, 7, 2);
  for (const [row, position] of [7, 8].entries()) {
    for (const [pair, frequency] of plain(PLAIN).entries()) {
      expect(table[row * 8 + 2 * pair]).toBeCloseTo(1.5 * Math.cos(position * frequency), 6);
      expect(table[row * 8 + 2 * pair + 1]).toBeCloseTo(1.5 * Math.sin(position * frequency), 6);
    }
  }
});

test("neighbours or halves are turned together, elements beyond the turned ones stay", () => {
  // A quarter turn of the first pair, none of the second.
  const angles = Float32Array.of(0, 1, 1, 0);
  const head = Float32Array.of(1, 2, 3, 4, 5, 6);
  const neighbours = head.slice();
  turnHeads(neighbours, 6, "neighbours", angles, 4);
  expect([...neighbours]).toEqual([-2, 1, 3, 4, 5, 6]);
  const halves = head.slice();
  turnHeads(halves, 6, "halves", angles, 4);
  expect([...halves]).toEqual([-3, 2, 1, 4, 5, 6]);
});
