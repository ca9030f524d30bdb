/**
 * Rotary positions: pairs of a head's elements are turned by an angle that grows with the position, pair i of n by
 * position * base^(-i/n), scaled for contexts beyond the trained one.
 *
 * Definitions: J. Su et al., RoFormer (arXiv:2104.09864); linear and YaRN scaling (B. Peng et al., arXiv:2309.00071) and
 * factors per frequency (llama 3, longrope) as llama.cpp applies them. Angles are f64 here, where llama.cpp multiplies
 * up in f32.
 */
import { naturalLogarithm, power, sineAndCosine } from "./elementary.ts";

const { fround } = Math;

/** How positions become angles. */
export interface RopeParameters {
  /** Elements of a head that are turned, an even number; the others stay. */
  readonly dimensions: number;
  readonly base: number;
  /** 1, or the inverse of the factor by which the context was stretched. */
  readonly scale: number;
  /** Each frequency is divided by its factor: `dimensions / 2` of them, or none. */
  readonly factors?: Float32Array;
  /** YaRN: high frequencies keep their angle, low ones are scaled; absent: all are scaled. */
  readonly yarn?: { readonly originalContext: number; readonly betaFast: number; readonly betaSlow: number };
  /** Length of the turned vectors over that before, 1 but for YaRN and longrope. */
  readonly magnitude: number;
}

/** The pair number, as a fraction, whose wave turns `turns` times within the original context. */
function correctionPair({ dimensions, base }: RopeParameters, context: number, turns: number): number {
  return (dimensions * naturalLogarithm(context / (turns * 2 * Math.PI))) / (2 * naturalLogarithm(base));
}

/** Angle per position of each pair. */
export function ropeFrequencies(parameters: RopeParameters): Float64Array {
  const { dimensions, base, scale, factors, yarn } = parameters;
  const pairs = dimensions / 2;
  const start = yarn && Math.max(0, Math.floor(correctionPair(parameters, yarn.originalContext, yarn.betaFast)));
  const end =
    yarn && Math.min(dimensions - 1, Math.ceil(correctionPair(parameters, yarn.originalContext, yarn.betaSlow)));
  return Float64Array.from({ length: pairs }, (_, pair) => {
    const plain = power(base, (-2 * pair) / dimensions) / (factors?.[pair] ?? 1);
    if (start === undefined || end === undefined) return plain * scale;
    const ramp = (pair - start) / Math.max(0.001, end - start);
    const kept = 1 - Math.min(1, Math.max(0, ramp));
    return plain * scale * (1 - kept) + plain * kept;
  });
}

/** Cosine and sine of every pair at positions from `first` on: rows of `dimensions` floats, cosine and sine in turn. */
export function ropeTable(parameters: RopeParameters, first: number, count: number): Float32Array {
  const frequencies = ropeFrequencies(parameters);
  const table = new Float32Array(count * parameters.dimensions);
  for (let row = 0; row < count; row++) {
    for (const [pair, frequency] of frequencies.entries()) {
      const { sin, cos } = sineAndCosine((first + row) * frequency);
      table[row * parameters.dimensions + 2 * pair] = cos * parameters.magnitude;
      table[row * parameters.dimensions + 2 * pair + 1] = sin * parameters.magnitude;
    }
  }
  return table;
}

/** Which elements of a head make a pair: neighbours (ggml's NORM), or one of each half (ggml's NEOX). */
export type RopePairs = "neighbours" | "halves";

/**
 * Turns the heads of one row in place.
 * @param row heads of `headLength` elements, one after the other
 * @param angles the position's row of a `ropeTable` of `dimensions` floats
 */
export function turnHeads(
  row: Float32Array,
  headLength: number,
  pairs: RopePairs,
  angles: Float32Array,
  dimensions: number,
): void {
  const half = dimensions / 2;
  const [step, apart] = pairs === "neighbours" ? [2, 1] : [1, half];
  for (let head = 0; head < row.length; head += headLength) {
    for (let pair = 0; pair < half; pair++) {
      const at = head + pair * step;
      const cos = angles[2 * pair]!;
      const sin = angles[2 * pair + 1]!;
      const x = row[at]!;
      const y = row[at + apart]!;
      row[at] = fround(fround(x * cos) - fround(y * sin));
      row[at + apart] = fround(fround(x * sin) + fround(y * cos));
    }
  }
}
