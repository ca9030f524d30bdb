/** `quantize kernels`: C code that reads packed tensors on the machine they are for. */
import { Command, Option } from "commander";
import { unknownName } from "../../src/text/nearest-name.ts";
import { C_FORMATS } from "../../src/kernels/c/formats.ts";
import { generateKernels, KERNEL_TARGETS, type KernelTarget } from "../../src/kernels/c/generate-kernels.ts";
import { textSteps, writeAtomically } from "../../src/write/atomic-output.ts";
import { collect, forceOption } from "../options.ts";
import { print } from "../output.ts";

interface KernelsFlags {
  readonly target: KernelTarget;
  readonly type?: readonly string[];
  readonly output?: string;
  readonly force?: boolean;
}

async function run({ target, type, output, force = false }: KernelsFlags): Promise<void> {
  const wrong = type?.find((name) => !C_FORMATS.includes(name));
  if (wrong !== undefined) throw unknownName("type with C kernels", wrong, C_FORMATS);
  const header = generateKernels({ target, ...(type !== undefined && { formats: type }) });
  if (output === undefined) return print(header);
  await writeAtomically({ path: output, force }, textSteps(header));
}

export function kernelsCommand(): Command {
  return new Command("kernels")
    .description(
      "Prints a self-contained C header, scalar and NEON, with matrix-vector and matrix-matrix products over packed " +
        "tensors: layout 4x4 for dotprod (SDOT), 4x8 for i8mm (SMMLA).",
    )
    .addOption(new Option("--lang <language>", "language of the code").choices(["c"]).default("c"))
    .addOption(new Option("--target <feature>", "instructions to use").choices(KERNEL_TARGETS).makeOptionMandatory())
    .option("--type <name>", `only this type, may be repeated: ${C_FORMATS.join(", ")} (default: all)`, collect)
    .option("-o, --output <file.h>", "the header to write (default: stdout)")
    .addOption(forceOption())
    .action(run);
}
