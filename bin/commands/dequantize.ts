/** `quantize dequantize`: back to floats, for programs that know nothing else. */
import { Command, Option } from "commander";
import { dequantize } from "../../src/jobs/dequantize.ts";
import { FLOAT_TYPES, type FloatType } from "../../src/plan/plan-dequantize.ts";
import { onEngine } from "../convert.ts";
import { defaultOutput } from "../default-output.ts";
import { localModel } from "../local-model.ts";
import * as options from "../options.ts";
import { addRunOptions, conversionOptionsOf, resumeOption, type RunFlags } from "../run-options.ts";

interface DequantizeFlags extends RunFlags {
  readonly to: FloatType;
  readonly output?: string;
}

export function dequantizeCommand(): Command {
  const command = new Command("dequantize")
    .description("Decodes every quantized tensor. With f32 the numbers are exactly those that the blocks stand for.")
    .argument("<file>", "the quantized GGUF")
    .addOption(new Option("--to <type>", "float type of the result").choices(FLOAT_TYPES).default("f16"))
    .option("-o, --output <file>", "the GGUF to write (default: <file>-<type>.gguf in the current folder)")
    .addOption(options.forceOption())
    .addOption(resumeOption());
  return addRunOptions(command).action(async (file: string, flags: DequantizeFlags) => {
    const input = await localModel(file, flags);
    const output = flags.output ?? defaultOutput(input, flags.to);
    const wanted = { ...conversionOptionsOf(flags), input, output, to: flags.to };
    await onEngine(flags, (engine) => dequantize({ ...wanted, ...engine }));
  });
}
