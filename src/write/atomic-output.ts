/** Writes one file, whole or not at all. */
import { truncateSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isSystemError, ioError } from "../read/input-file.ts";
import { openOutputFiles } from "./output-files.ts";
import { requireRoom, type OutputOptions } from "./output-path.ts";

/** What to do with the temporary file. The functions are given its path. */
export interface OutputSteps<T> {
  /** Size of the finished file, which the temporary one gets before anything is written. */
  readonly byteLength?: number;
  readonly write: (temporaryPath: string) => T | Promise<T>;
  /** Called when all bytes are on the disk, to reopen the file and check it. */
  readonly check?: (temporaryPath: string, result: T) => void | Promise<void>;
}

/** A file whose place is taken. */
export interface TakenOutput {
  /**
   * Writes, syncs and checks the file, and gives it its name.
   * @returns what the step `write` returned
   * @throws QuantizeError `no-room`, `output-exists`, `io` from the system, and whatever the steps throw
   */
  write<T>(steps: OutputSteps<T>): Promise<T>;
}

/**
 * Takes the place of a file while something runs that writes it at its end: so it is refused before the work.
 * @throws QuantizeError as `takePath`, `io`, and whatever `work` throws
 */
export async function withOutput<T>(options: OutputOptions, work: (output: TakenOutput) => Promise<T>): Promise<T> {
  const { path } = options;
  const output = openOutputFiles([options], { force: options.force ?? false });
  const temporaryPath = output.temporaryPaths[0]!;
  try {
    return await work({
      async write({ byteLength, write, check }) {
        try {
          if (byteLength !== undefined) {
            requireRoom(path, dirname(resolve(path)), byteLength);
            truncateSync(temporaryPath, byteLength);
          }
          const result = await write(temporaryPath);
          await output.sync();
          await check?.(temporaryPath, result);
          output.commit();
          return result;
        } catch (error) {
          throw isSystemError(error) ? ioError(path, "cannot be written", error) : error;
        }
      },
    });
  } finally {
    output.discard();
  }
}

/**
 * Writes a file by way of a temporary one.
 * @returns what `write` returned
 * @throws QuantizeError as `takePath`, `io` from the system, and whatever `write` and `check` throw
 */
export async function writeAtomically<T>(options: OutputOptions, steps: OutputSteps<T>): Promise<T> {
  return withOutput(options, (output) => output.write(steps));
}

/** The steps that write a text. */
export function textSteps(text: string): OutputSteps<void> {
  return { write: (temporaryPath) => writeFileSync(temporaryPath, text) };
}
