/** From sums over tokens to rounded matrices: what a calibration does once it knows the inputs of matrices. */
import { QuantizeError } from "../errors.ts";
import { timed, type RoundingBench } from "./bench.ts";
import { damp, dampingFor, factorize, meanDiagonal, type Factor } from "./factor.ts";
import { roundMatrix, unbiasSlice, type MatrixPair, type RoundingFacts, type SlicePart } from "./round-matrix.ts";
import type { Targets } from "./targets.ts";
import type { UpperMatrix } from "./upper-matrix.ts";

export interface PartSums {
  /** X^T X over the tokens; becomes its factor. */
  readonly hessian: UpperMatrix;
  /** Tokens that came, and how many the sums are worth where they were filled up. */
  readonly tokens: number;
  readonly worth: number;
  readonly targets?: Targets;
}

/**
 * Damps and factorises the sums, and rounds that part of all matrices that share the input.
 * @param isLast true when the slice's other parts are rounded already
 * @throws QuantizeError `bad-data` for sums that are not finite
 */
export function roundPart(
  bench: RoundingBench,
  pairs: readonly MatrixPair[],
  part: SlicePart,
  sums: PartSums,
  isLast: boolean,
): void {
  const { setup, team, algebra, factorRoom, seconds } = bench;
  const { hessian, tokens, worth, targets } = sums;
  requireFinite(hessian, setup.source.path, pairs[0]!);
  const factor: Factor = { ...hessian, inverses: setup.inverses };
  const damping = timed(seconds, "factors", () => {
    // Every member learns the damping from the diagonal; one adds it, when all have looked.
    const added = dampingFor(factor, worth / hessian.size);
    team.once(() => {});
    team.once(() => damp(factor, added));
    factorize(team, algebra, factorRoom, factor);
    return added;
  });
  const facts: RoundingFacts = { tokens, damping, ...(targets && { targets }) };
  timed(seconds, "rounding", () => {
    for (const pair of pairs) {
      roundMatrix(bench, pair, part, factor, facts);
      if (isLast) unbiasSlice(bench, pair, part.slice);
    }
  });
}

function requireFinite(hessian: UpperMatrix, path: string, { source }: MatrixPair): void {
  if (Number.isFinite(meanDiagonal(hessian))) return;
  throw new QuantizeError(
    "bad-data",
    `${path}: input of ${source.tensor.name}: the activations are not finite, or too large to be squared`,
  );
}
