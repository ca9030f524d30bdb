/** Statistics of made-up tokens beside a straightforward computation of the same definitions. */
import { expect, test } from "vitest";
import { percentile, statisticsOf } from "#dist/src/evaluate/statistics.js";
import { DELTA_P, DIVERGENCE, NLL, NLL_BASE, SAME_TOP, TOKEN_STATS } from "#dist/src/forward/programs/score.js";
import { randomNumbers } from "../support/models.js";

const COUNT = 257;
const random = randomNumbers(11);
const tokens = Array.from({ length: COUNT }, () => {
  const base = -Math.log(random());
  const tested = base + (random() - 0.45) * 0.3;
  return {
    nll: tested,
    base,
    divergence: random() ** 3,
    deltaP: Math.exp(-tested) - Math.exp(-base),
    same: random() < 0.9 ? 1 : 0,
  };
});
const stats = new Float64Array(COUNT * TOKEN_STATS);
for (const [i, token] of tokens.entries()) {
  const at = i * TOKEN_STATS;
  stats[at + NLL] = token.nll;
  stats[at + NLL_BASE] = token.base;
  stats[at + DIVERGENCE] = token.divergence;
  stats[at + DELTA_P] = token.deltaP;
  stats[at + SAME_TOP] = token.same;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const covariance = (a: readonly number[], b: readonly number[]): number =>
  mean(a.map((value, i) => (value - mean(a)) * (b[i]! - mean(b)))) / (COUNT - 1);
const error = (values: readonly number[]): number => Math.sqrt(covariance(values, values));

const nll = tokens.map((token) => token.nll);
const base = tokens.map((token) => token.base);
const { perplexity, comparison } = statisticsOf(stats, true);

test("perplexity is e to the mean of -ln p, its error that of the mean", () => {
  expect(perplexity.value).toBeCloseTo(Math.exp(mean(nll)), 10);
  expect(perplexity.error).toBeCloseTo(Math.exp(mean(nll)) * error(nll), 10);
  expect(comparison!.basePerplexity.value).toBeCloseTo(Math.exp(mean(base)), 10);
  expect(statisticsOf(stats, false)).toEqual({ scored: COUNT, perplexity });
});

test("ratio and difference have the errors of what both have in common taken off", () => {
  const [p, q] = [Math.exp(mean(nll)), Math.exp(mean(base))];
  const shared = covariance(nll, base);
  const { correlation, logRatio, ratio, difference } = comparison!;
  expect(correlation).toBeCloseTo(shared / (error(nll) * error(base)), 10);
  expect(logRatio.value).toBeCloseTo(Math.log(p / q), 10);
  expect(logRatio.error).toBeCloseTo(error(nll.map((value, i) => value - base[i]!)), 10);
  expect(ratio).toEqual({ value: expect.closeTo(p / q, 10), error: expect.closeTo((p / q) * logRatio.error, 10) });
  expect(difference.value).toBeCloseTo(p - q, 10);
  const variance = (p * error(nll)) ** 2 + (q * error(base)) ** 2 - 2 * p * q * shared;
  expect(difference.error).toBeCloseTo(Math.sqrt(variance), 10);
});

test("distributions: mean, extremes, percentiles, root mean square, share of agreement", () => {
  const { divergence, deltaP, sameTop } = comparison!;
  const values = tokens.map((token) => token.divergence);
  const sorted = [...values].sort((a, b) => a - b);
  expect(divergence.mean).toEqual({
    value: expect.closeTo(mean(values), 10),
    error: expect.closeTo(error(values), 10),
  });
  expect([divergence.minimum, divergence.maximum]).toEqual([sorted[0], sorted.at(-1)]);
  expect(divergence.percentiles.map(({ percent }) => percent)).toEqual([99.9, 99, 95, 90, 75, 50, 25, 10, 5, 1, 0.1]);
  // 256 steps: the median and the quarters are values themselves.
  const at = (percent: number) => divergence.percentiles.find((entry) => entry.percent === percent)!.value;
  expect([at(25), at(50), at(75)]).toEqual([sorted[64], sorted[128], sorted[192]]);
  const squares = tokens.map((token) => token.deltaP ** 2);
  const root = Math.sqrt(mean(squares));
  expect(deltaP.rootMeanSquare.value).toBeCloseTo(root, 10);
  expect(deltaP.rootMeanSquare.error).toBeCloseTo((0.5 * error(squares)) / root, 10);
  const share = mean(tokens.map((token) => token.same));
  expect(sameTop.value).toBeCloseTo(share, 12);
  expect(sameTop.error).toBeCloseTo(Math.sqrt((share * (1 - share)) / (COUNT - 1)), 12);
});

test("percentiles lie between the two values beside them", () => {
  expect([0, 0.25, 0.5, 0.999, 1].map((fraction) => percentile([1, 3, 7], fraction))).toEqual([
    1,
    2,
    3,
    expect.closeTo(6.992, 10),
    7,
  ]);
});

test("a model beside itself: no error, full agreement", () => {
  const same = Float64Array.from(stats);
  for (let at = 0; at < same.length; at += TOKEN_STATS) same[at + NLL_BASE] = same[at + NLL]!;
  const { logRatio, ratio, correlation } = statisticsOf(same, true).comparison!;
  expect(logRatio).toEqual({ value: 0, error: expect.closeTo(0, 8) });
  expect(ratio.value).toBe(1);
  expect(correlation).toBeCloseTo(1, 12);
});
