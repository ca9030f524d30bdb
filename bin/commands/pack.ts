/** `quantize pack` and `quantize unpack`: the memory order of a file that is quantized already. */
import { Command } from "commander";
import { pack, unpack } from "../../src/jobs/repack.ts";
import { onEngine } from "../convert.ts";
import { defaultOutput } from "../default-output.ts";
import { localModel } from "../local-model.ts";
import * as options from "../options.ts";
import {
  addRunOptions,
  compatOption,
  conversionOptionsOf,
  noManifestOption,
  resumeOption,
  type RunFlags,
} from "../run-options.ts";

interface PackFlags extends RunFlags {
  readonly layout: string;
  readonly output?: string;
}

const OUTPUT_HELP = "the GGUF to write (default: <file>-<layout>.gguf in the current folder)";

export function packCommand(): Command {
  const command = new Command("pack")
    .description("Interleaves the rows of a quantized file for a CPU, without touching a value.")
    .argument("<file>", "a quantized GGUF, by whatever program")
    .requiredOption("-l, --layout <name>", "a layout, or auto:<cpu>: see `quantize layouts`")
    .option("-o, --output <file>", OUTPUT_HELP)
    .addOption(compatOption())
    .addOption(noManifestOption())
    .addOption(options.forceOption())
    .addOption(resumeOption());
  return addRunOptions(command).action(async (file: string, flags: PackFlags) => {
    const { layout } = flags;
    const suffix = layout
      .replace(/^auto:/, "")
      .toLowerCase()
      .replace(/[^a-z0-9.]+/g, "-");
    const input = await localModel(file, flags);
    const output = flags.output ?? defaultOutput(input, suffix);
    await onEngine(flags, (engine) => pack({ ...conversionOptionsOf(flags), input, output, layout, ...engine }));
  });
}

export function unpackCommand(): Command {
  const command = new Command("unpack")
    .description("Puts the rows of a packed file back in order: the exact inverse of pack.")
    .argument("<file>", "a packed GGUF")
    .option("-o, --output <file>", OUTPUT_HELP.replace("<layout>", "rows"))
    .addOption(noManifestOption())
    .addOption(options.forceOption())
    .addOption(resumeOption());
  return addRunOptions(command).action(async (file: string, flags: Omit<PackFlags, "layout">) => {
    const input = await localModel(file, flags);
    const output = flags.output ?? defaultOutput(input, "rows");
    await onEngine(flags, (engine) => unpack({ ...conversionOptionsOf(flags), input, output, ...engine }));
  });
}
