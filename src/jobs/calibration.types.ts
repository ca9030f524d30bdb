/** What is told of a calibration. Plain data. */
import type { CalibrationSource } from "../calibrate/calibration-text.ts";
import type { CalibratedTensor } from "../calibrate/run-calibration.ts";
import type { Estimate } from "../evaluate/statistics.ts";

/** What became of a calibration. */
export interface CalibrationReport {
  readonly source: CalibrationSource;
  readonly method: string;
  readonly tensors: readonly CalibratedTensor[];
  /** Mean KL divergence from the source on windows that were held back: of plain rounding, and of the calibrated codes. */
  readonly plainDivergence: Estimate;
  readonly divergence: Estimate;
  /** False: plain rounding was better, and stands. */
  readonly isKept: boolean;
  /** Layers that an earlier run had finished. */
  readonly resumedSteps: number;
  readonly threads: number;
  readonly plannedMemory: number;
  readonly plannedDisk: number;
  readonly seconds: CalibrationTimes;
}

/** Where the time went, in seconds. */
export interface CalibrationTimes {
  /** Writing text. */
  readonly text: number;
  /** All of the work on layers; of it what one thread spent on passes, sums over tokens, factors, rounding. */
  readonly calibration: number;
  readonly passes: number;
  readonly sums: number;
  readonly factors: number;
  readonly rounding: number;
  /** Both models on windows that were held back. */
  readonly judging: number;
}
