/** Options of mixes: a size instead of a scheme. */
import { Option, type Command } from "commander";
import { DEFAULT_CANDIDATES } from "../src/plan/mix-types.ts";
import type { MixTarget } from "../src/jobs/mix-model.ts";
import { parseNumber, parseSize } from "./options.ts";

/** What commander collects. */
export interface MixFlags {
  readonly targetBpw?: number;
  readonly targetSize?: number;
  readonly candidates?: readonly string[];
  readonly sensitivity?: string;
}

export const candidatesOption = (): Option =>
  new Option(
    "--candidates <types>",
    `types to mix, with commas between (default: ${DEFAULT_CANDIDATES.join()})`,
  ).argParser((text) => text.split(",").map((name) => name.trim()));

const MIX_OPTIONS: readonly (() => Option)[] = [
  () =>
    new Option("--target-bpw <n>", "mix types per tensor for so many bits per weight, where the model loses least")
      .argParser(parseNumber(0.5, 32))
      .conflicts(["scheme", "recipe", "export", "pure", "targetSize"]),
  () =>
    new Option("--target-size <size>", "the same for files of that size: 3.5GiB")
      .argParser(parseSize)
      .conflicts(["scheme", "recipe", "export", "pure"]),
  candidatesOption,
  () => new Option("--sensitivity <file>", "what `quantize sensitivity` has measured, instead of measuring first"),
];

export function addMixOptions(command: Command): Command {
  for (const option of MIX_OPTIONS) command.addOption(option());
  return command;
}

/** The size that was asked for, if one was. */
export function mixTargetOf({ targetBpw, targetSize }: MixFlags): MixTarget | undefined {
  if (targetBpw !== undefined) return { bitsPerWeight: targetBpw };
  return targetSize === undefined ? undefined : { bytes: targetSize };
}
