/** Options of every command that runs on the engine and writes a file. */
import { Option, type Command } from "commander";
import { COMPAT_PROGRAMS } from "../layouts/compat.ts";
import type { ConversionOptions } from "../src/jobs/conversion.types.ts";
import { VERIFY_LEVELS } from "../src/verify/verify-level.ts";
import * as options from "./options.ts";

/** What commander collects for any command that computes. */
export interface RunFlags extends Pick<
  ConversionOptions,
  "threads" | "maxMemory" | "backend" | "effort" | "maxNmse" | "minCosine" | "verify" | "force" | "compat" | "resume"
> {
  /** False with --no-manifest. */
  readonly ownKeys?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color: boolean;
}

/** Threads, memory, backend, and how results are shown. */
export function addRunOptions(command: Command): Command {
  return command
    .addOption(options.threadsOption())
    .addOption(options.maxMemoryOption())
    .addOption(options.backendOption())
    .addOption(options.jsonOption())
    .addOption(options.quietOption())
    .addOption(options.noColorOption());
}

/** Quality bounds. */
export function addBudgetOptions(command: Command): Command {
  return command.addOption(options.maxNmseOption()).addOption(options.minCosineOption());
}

/** How much is checked, for commands that write. */
export function verifyOption(): Option {
  return new Option("--verify <level>", "what is checked after encoding (default: kernels)").choices(VERIFY_LEVELS);
}

/** The flags that go to the engine as they are; those that were not given stay absent. */
export function conversionOptionsOf(flags: RunFlags): ConversionOptions {
  const { threads, maxMemory, backend, effort, maxNmse, minCosine, verify, force, compat, resume, ownKeys } = flags;
  return {
    ...(threads !== undefined && { threads }),
    ...(maxMemory !== undefined && { maxMemory }),
    ...(backend !== undefined && { backend }),
    ...(effort !== undefined && { effort }),
    ...(maxNmse !== undefined && { maxNmse }),
    ...(minCosine !== undefined && { minCosine }),
    ...(verify !== undefined && { verify }),
    ...(force !== undefined && { force }),
    ...(compat !== undefined && { compat }),
    ...(resume !== undefined && { resume }),
    ...(ownKeys !== undefined && { manifest: ownKeys }),
  };
}

/** Runs that may be cut off. */
export function resumeOption(): Option {
  return new Option(
    "--resume",
    "go on from what a run that was cut off has left, and leave what this one does not finish",
  );
}

/** Files without keys of ours. Not called `manifest` inside: that is where --manifest <file> goes. */
export function noManifestOption(): Option {
  const option = new Option("--no-manifest", "leave our own keys out of the file: stock types in rows only");
  option.attributeName = () => "ownKeys";
  return option;
}

/** Programs that read interleaved types under numbers of their own. */
export function compatOption(): Option {
  return new Option("--compat <program>", "store packed tensors under the type numbers of that program").choices(
    COMPAT_PROGRAMS,
  );
}
