/** Parses the arguments, runs the command, and turns whatever is thrown into a message and an exit code. */
import { existsSync } from "node:fs";
import { CommanderError } from "commander";
import { buildProgram, COMMANDS } from "./commands.ts";
import { reportFailure } from "./failure.ts";
import { QuantizeError } from "../src/errors.ts";
import { withFileLog } from "../src/read/file-log.ts";
import { nearestName } from "../src/text/nearest-name.ts";

/** Commander's complaint in our words: one line, with the command that was meant where one is near. */
function usageError(error: CommanderError, args: readonly string[]): QuantizeError {
  const message = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  const [first] = args;
  if (first === undefined) return new QuantizeError("usage", "no model given");
  if (error.code === "commander.missingArgument" && args.at(-2) === "--export") {
    return new QuantizeError("usage", `no model given: --export took "${args.at(-1)}" for a type, put the model first`);
  }
  const isWord = /^[a-z-]+$/.test(first) && !existsSync(first) && COMMANDS[first] === undefined;
  const meant = isWord ? nearestName(first, Object.keys(COMMANDS)) : undefined;
  return new QuantizeError("usage", meant === undefined ? message : `${message} Did you mean the command "${meant}"?`);
}

function helpHint([first]: readonly string[]): string {
  return `try \`quantize ${first !== undefined && COMMANDS[first] !== undefined ? `${first} ` : ""}--help\``;
}

/** A reader that went away (`| head`) stops nothing and is not told about; a full disk behind `>` is a failure. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") return;
  const code = reportFailure(new QuantizeError("io", `the result cannot be printed: ${error.message}`), {
    isJson: false,
  });
  process.on("exit", () => (process.exitCode = code));
}

/** Runs one command line. @returns the process's exit code: 0 done, 1 failed (or `diff` found differences), 2 usage, 3 a missed budget or damage */
export async function run(args: readonly string[]): Promise<number> {
  process.stdout.on("error", onOutputError);
  const program = await buildProgram(args);
  program.exitOverride();
  program.configureOutput({ outputError: () => {} });
  program.hook("preSubcommand", (main, command) => {
    const early = Object.keys(main.opts()).find((name) => main.getOptionValueSource(name) !== "default");
    if (early === undefined) return;
    throw new QuantizeError(
      "usage",
      `options go after the command: quantize ${command.name()} ... (found --${early} before it)`,
    );
  });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await withFileLog(() => program.parseAsync(args, { from: "user" }));
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const isJson = args.includes("--json");
    if (!(error instanceof CommanderError)) {
      return reportFailure(error, { isJson, isResumed: args.includes("--resume") });
    }
    // --help and --version arrive here too.
    if (error.exitCode === 0) return 0;
    return reportFailure(usageError(error, args), { isJson, hint: helpHint(args) });
  }
}
