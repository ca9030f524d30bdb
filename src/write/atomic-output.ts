/** Writes one file, whole or not at all. */
import { isSystemError, ioError } from "../read/input-file.ts";
import { openOutputFiles } from "./output-files.ts";
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
 * @throws QuantizeError as `checkOutput`, `io` from the system, and whatever `write` and `check` throw
 */
export async function writeAtomically<T>(options: OutputOptions, { write, check }: OutputSteps<T>): Promise<T> {
  const output = openOutputFiles([options]);
  const [temporaryPath] = output.temporaryPaths;
  try {
    const result = await write(temporaryPath!);
    await output.sync();
    await check?.(temporaryPath!, result);
    output.commit();
    return result;
  } catch (error) {
    throw isSystemError(error) ? ioError(options.path, "cannot be written", error) : error;
  } finally {
    output.discard();
  }
}
