/** What a calibration is told: it decides bytes, so recipes keep it. */

/** Stands for text of the model's own. */
export const OWN_TEXT = "self";

export interface CalibrationChoices {
  /** A text file, or `self` (default): the model writes its own, at temperature 1. */
  readonly text?: string;
  /** SHA-256 of the text file: another text gives other codes. */
  readonly textHash?: string;
  /** Tokens to calibrate on; default: 8 for each column of a hidden state, at least 8192; four times as many with effort `best`. Of a text at most what is there. */
  readonly tokens?: number;
  /** Tokens of a window, default 128: longer windows of own text take as many more steps to write. */
  readonly context?: number;
  /** Of the model's own text, a whole number below 2^32; default 1. */
  readonly seed?: number;
}
