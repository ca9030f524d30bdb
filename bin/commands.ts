/**
 * The commands, in the order of the help. A command's file is loaded when it is named: `quantize --version` reads
 * nothing but commander.
 */
import { Command } from "commander";

export interface CommandEntry {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Builds the command with its arguments, options and action. */
  readonly load: () => Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  plan: {
    summary: "show what would become of each tensor, and write nothing",
    load: async () => (await import("./commands/plan.ts")).planCommand(),
  },
  verify: {
    summary: "compare a quantized file with its original and its manifest",
    load: async () => (await import("./commands/verify.ts")).verifyCommand(),
  },
  eval: {
    summary: "measure perplexity, and what a model lost beside its original",
    load: async () => (await import("./commands/eval.ts")).evalCommand(),
  },
  imatrix: {
    summary: "measure which columns matter, or merge such measurements",
    load: async () => (await import("./commands/imatrix.ts")).imatrixCommand(),
  },
  sensitivity: {
    summary: "measure what quantizing each tensor alone costs, for --target-bpw and --target-size",
    load: async () => (await import("./commands/sensitivity.ts")).sensitivityCommand(),
  },
  run: {
    summary: "go on with a prompt, token by token",
    load: async () => (await import("./commands/run.ts")).runCommand(),
  },
  dequantize: {
    summary: "turn a quantized file back into floats",
    load: async () => (await import("./commands/dequantize.ts")).dequantizeCommand(),
  },
  pack: {
    summary: "interleave the rows of a quantized file for a CPU",
    load: async () => (await import("./commands/pack.ts")).packCommand(),
  },
  unpack: {
    summary: "undo pack, byte for byte",
    load: async () => (await import("./commands/pack.ts")).unpackCommand(),
  },
  recipe: {
    summary: "print a scheme, or a mix for a size, as a file to edit",
    load: async () => (await import("./commands/recipe.ts")).recipeCommand(),
  },
  inspect: {
    summary: "show what is in a file: metadata, tensors, codebooks, one element",
    load: async () => (await import("./commands/inspect.ts")).inspectCommand(),
  },
  diff: {
    summary: "compare two model files",
    load: async () => (await import("./commands/diff.ts")).diffCommand(),
  },
  kernels: {
    summary: "print C kernels for packed tensors",
    load: async () => (await import("./commands/kernels.ts")).kernelsCommand(),
  },
  schemes: {
    summary: "list every scheme with its bits per weight",
    load: async () => (await import("./commands/schemes.ts")).schemesCommand(),
  },
  layouts: {
    summary: "list the memory orders of every scheme, and the CPUs they are for",
    load: async () => (await import("./commands/layouts.ts")).layoutsCommand(),
  },
};

/** The program: the main job as its own options, every other command below it; those named in `args` are loaded. */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const { quantizeCommand } = await import("./commands/quantize.ts");
  const program = quantizeCommand();
  // So that `quantize plan model --scheme q4_0` gives --scheme to plan and not to the main job.
  program.enablePositionalOptions();
  program.helpCommand("help [command]", "print the help of a command");
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = args.includes(name) ? await load() : new Command(name).allowUnknownOption();
    command.copyInheritedSettings(program);
    program.addCommand(command.summary(summary));
  }
  return program;
}
