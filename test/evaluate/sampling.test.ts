import { describe, expect, test } from "vitest";
import { sampleToken, uniform } from "#dist/src/forward/sampling.js";

const logits = Float32Array.of(1, 3, 2, 3, -5);
const weights = [...logits].map(Math.exp);
const total = weights.reduce((sum, weight) => sum + weight, 0);
const ALL = { temperature: 1, topK: 0, topP: 1, seed: 0 };

/** How often each token is drawn over even draws. */
function shares(options: Partial<typeof ALL>): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  const draws = 20_000;
  for (let i = 0; i < draws; i++) counts[sampleToken(logits, { ...ALL, ...options }, (i + 0.5) / draws)]! += 1 / draws;
  return counts;
}

describe("the next token", () => {
  test("at temperature 0 is the first of the most probable", () => {
    expect(sampleToken(logits, { ...ALL, temperature: 0 }, 0.99)).toBe(1);
  });

  test("is drawn as often as it is probable", () => {
    for (const [token, share] of shares({}).entries()) expect(share).toBeCloseTo(weights[token]! / total, 3);
  });

  test("at another temperature from flattened or sharpened probabilities", () => {
    const sharper = [...logits].map((logit) => Math.exp(logit / 0.5));
    const sum = sharper.reduce((all, weight) => all + weight, 0);
    for (const [token, share] of shares({ temperature: 0.5 }).entries())
      expect(share).toBeCloseTo(sharper[token]! / sum, 3);
  });

  test("is one of the k most probable, the first of equals", () => {
    expect(shares({ topK: 1 })).toEqual([0, expect.closeTo(1, 6), 0, 0, 0]);
    const two = shares({ topK: 2 });
    expect([two[0], two[2], two[4]]).toEqual([0, 0, 0]);
    expect(two[1]).toBeCloseTo(0.5, 3);
  });

  test("is one of the fewest that reach p together", () => {
    // Both threes have 0.399 each, the two 0.147.
    expect(shares({ topP: 0.39 }).map((share) => share > 0)).toEqual([false, true, false, false, false]);
    expect(shares({ topP: 0.79 }).map((share) => share > 0)).toEqual([false, true, false, true, false]);
    expect(shares({ topP: 0.85 }).map((share) => share > 0)).toEqual([false, true, true, true, false]);
  });
});

test("random numbers depend on seed, sequence and position alone, and fill the unit interval evenly", () => {
  expect(uniform(7, 3, 5)).toBe(uniform(7, 3, 5));
  expect(new Set([uniform(7, 3, 5), uniform(8, 3, 5), uniform(7, 4, 5), uniform(7, 3, 6)]).size).toBe(4);
  const bins = new Array<number>(16).fill(0);
  for (let sequence = 0; sequence < 64; sequence++) {
    for (let position = 0; position < 250; position++) bins[Math.floor(uniform(1, sequence, position) * 16)]!++;
  }
  for (const count of bins) expect(Math.abs(count / 1000 - 1)).toBeLessThan(0.12);
});
