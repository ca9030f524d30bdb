/** Options of calibrations. */
import { Option, type Command } from "commander";
import { QuantizeError } from "../src/errors.ts";
import type { CalibrationChoices } from "../src/plan/recipes/calibration-choices.ts";
import { parseInteger } from "./options.ts";

/** Flags of the main job. */
export interface CalibrationFlags {
  /** True without a text. */
  readonly calibrate?: string | true;
  readonly calibrationTokens?: number;
  readonly calibrationContext?: number;
  readonly calibrationSeed?: number;
}

export function addCalibrationOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--calibrate [text]",
        "choose codes against what the model computes, on a text file or on text that it writes itself (default: self)",
      ).conflicts("export"),
    )
    .addOption(
      new Option(
        "--calibration-tokens <n>",
        "tokens to calibrate on (default: 8 for each column of a hidden state, at least 8192; with --effort best 32, at least 32768)",
      ).argParser(parseInteger(1)),
    )
    .addOption(
      new Option("--calibration-context <n>", "tokens of a window (default: 128)").argParser(parseInteger(8, 2 ** 20)),
    )
    .addOption(
      new Option("--calibration-seed <n>", "of the model's own text (default: 1)").argParser(
        parseInteger(0, 2 ** 32 - 1),
      ),
    );
}

/**
 * What the command line says of a calibration.
 * @param stated what a recipe says, which gives way
 * @throws QuantizeError `usage` for choices without a calibration
 */
export function calibrationOf(
  flags: CalibrationFlags,
  stated: CalibrationChoices | undefined,
): CalibrationChoices | undefined {
  const { calibrate, calibrationTokens: tokens, calibrationContext: context, calibrationSeed: seed } = flags;
  const choices = {
    ...(tokens !== undefined && { tokens }),
    ...(context !== undefined && { context }),
    ...(seed !== undefined && { seed }),
  };
  if (calibrate === undefined && stated === undefined) {
    if (Object.keys(choices).length === 0) return undefined;
    throw new QuantizeError("usage", "what a calibration takes is of no use without one: --calibrate [text]");
  }
  // Another text than the recipe's is not held against the hash of that.
  const text = calibrate === undefined ? stated : typeof calibrate === "string" ? { text: calibrate } : {};
  return { ...text, ...choices };
}
