/** What an effort means for a calibration. */
import type { Effort } from "../../codecs/codec.ts";

export interface CalibrationMethod {
  /** Targets are the float model's outputs, to be made from what the rounded layers before leave of its inputs. */
  readonly isAsymmetric: boolean;
  /** Passes of coordinate descent after the feedback. */
  readonly descents: number;
  /** Levels and tables that are tried for each group of a codebook format. */
  readonly candidates: number;
  /** Tokens for each column of a hidden state when nobody says how many, and at least. */
  readonly tokensPerColumn: number;
  readonly leastTokens: number;
}

/** Measured: docs/calibration.md. */
export const CALIBRATION_METHODS: Readonly<Record<Effort, CalibrationMethod>> = {
  fast: { isAsymmetric: false, descents: 0, candidates: 4, tokensPerColumn: 8, leastTokens: 8192 },
  normal: { isAsymmetric: true, descents: 1, candidates: 4, tokensPerColumn: 8, leastTokens: 8192 },
  best: { isAsymmetric: true, descents: 4, candidates: 12, tokensPerColumn: 32, leastTokens: 32768 },
};

/** The method in words, for manifests and reports. */
export function describeMethod({ isAsymmetric, descents }: CalibrationMethod): string {
  const targets = isAsymmetric ? "feedback to asymmetric targets" : "feedback";
  if (descents === 0) return targets;
  return `${targets}, ${descents} ${descents === 1 ? "pass" : "passes"} of descent`;
}
