/** What people and programs are told when something went wrong. */
import { writeSync } from "node:fs";
import { exitCode, QuantizeError } from "../src/errors.ts";
import { printable } from "../src/text/printable.ts";
import { printJson } from "./output.ts";

/** The exit code of a run that was interrupted, as shells count it: 128 + SIGINT. */
export const INTERRUPTED_EXIT_CODE = 130;

/** What was measured or found missed what was asked for: the report is the result all the same. */
const REPORTED_EXIT_CODE = 3;

function line(text: string): void {
  try {
    writeSync(process.stderr.fd, text);
  } catch {
    // Nobody reads stderr: there is no one left to tell.
  }
}

/** Multi-line causes and file names with line breaks become one line. */
function oneLine(message: string): string {
  return printable(message.replace(/\s*\n\s*/g, "; "));
}

/** How a failure is told. */
export interface FailureView {
  readonly isJson: boolean;
  /** What was done stays for a later run. */
  readonly isResumed?: boolean;
  readonly hint?: string;
}

/**
 * Says on stderr what failed, one line for anything foreseen and the stack for a defect; with `--json` an object with
 * `error` goes to stdout as well, so that a program that parses the result always finds JSON.
 * @returns the exit code
 */
export function reportFailure(error: unknown, { isJson, isResumed, hint }: FailureView): number {
  if (error instanceof Error && error.name === "AbortError") {
    line(`quantize: interrupted, ${isResumed ? "the same command goes on from here" : "nothing was written"}\n`);
    return INTERRUPTED_EXIT_CODE;
  }
  const code = exitCode(error);
  if (error instanceof QuantizeError) {
    line(`quantize: ${oneLine(error.message)}${hint === undefined ? "" : ` (${hint})`}\n`);
    const failure = { error: { code: error.code, message: error.message, exitCode: code } };
    if (isJson)
      printJson(code === REPORTED_EXIT_CODE ? { ...(error.cause as object | undefined), ...failure } : failure);
    return code;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  line(`quantize: this is a defect of the program, please report it with these lines\n${stack}\n`);
  if (error instanceof Error && error.cause instanceof Error) line(`caused by ${error.cause.stack}\n`);
  if (isJson) printJson({ error: { code: "defect", message: String(error), exitCode: code } });
  return code;
}
