/** Writes one file, whole or not at all. */
import { writeFileSync } from "node:fs";
import { isSystemError, ioError } from "../read/input-file.ts";
import { openOutputFiles, type OutputFiles } from "./output-files.ts";
import type { OutputOptions } from "./output-path.ts";

/** What to do with the temporary file. Both are given its path. */
export interface OutputSteps<T> {
  readonly write: (temporaryPath: string) => T | Promise<T>;
  /** Called when all bytes are on the disk, to reopen the file and check it. */
  readonly check?: (temporaryPath: string, result: T) => void | Promise<void>;
}

/**
 * Writes a file by way of a temporary one.
 * @returns what `write` returned
 * @throws QuantizeError as `takePath`, `io` from the system, and whatever `write` and `check` throw
 */
export async function writeAtomically<T>(options: OutputOptions, steps: OutputSteps<T>): Promise<T> {
  const output = openOutputFiles([options], options.force ?? false);
  try {
    return await finishOutput(output, options.path, steps);
  } finally {
    output.discard();
  }
}

/** Writes a text file, whole or not at all. @throws QuantizeError as `takePath`, `io` */
export async function writeText(path: string, text: string, force: boolean): Promise<void> {
  await writeAtomically({ path, force }, { write: (temporary) => writeFileSync(temporary, text) });
}

/** A text file whose place is taken before its text is known. */
export interface TextOutput {
  /** Writes it, whole or not at all. @throws QuantizeError `io`, `output-exists` */
  write(text: string): Promise<void>;
  /** Gives the place up; to be called in any case. */
  discard(): void;
}

/** Takes the place of a text file. @throws QuantizeError as `takePath`, `io` */
export function openTextOutput(path: string, force: boolean): TextOutput {
  const output = openOutputFiles([{ path }], force);
  return {
    write: (text) => finishOutput(output, path, { write: (temporary) => writeFileSync(temporary, text) }),
    discard: output.discard,
  };
}

/** Writes, syncs, checks, and gives the file its name. */
async function finishOutput<T>(output: OutputFiles, path: string, { write, check }: OutputSteps<T>): Promise<T> {
  const [temporaryPath] = output.temporaryPaths;
  try {
    const result = await write(temporaryPath!);
    await output.sync();
    await check?.(temporaryPath!, result);
    output.commit();
    return result;
  } catch (error) {
    throw isSystemError(error) ? ioError(path, "cannot be written", error) : error;
  }
}
