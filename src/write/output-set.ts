/** The files of one conversion, one or several: where they stand, and their headers, which are written last. */
import type { Plan } from "../plan/plan.ts";
import { outputPaths } from "../plan/split-outputs.ts";
import { padTo } from "../read/gguf/gguf-types.ts";
import { ioError } from "../read/input-file.ts";
import type { NamedFile } from "./give-names.ts";
import { openOutputFiles, type OutputFiles, type OutputRun } from "./output-files.ts";
import type { OutputHeader } from "./output-header.ts";
import { writeParts } from "./write-all.ts";

/** Where a file's data section begins, and how long the whole file is: header and padding included. */
export interface FileSize {
  readonly dataStart: number;
  readonly byteLength: number;
}

/** A file of the output, before it has its name. */
export interface FileInTheMaking extends NamedFile, FileSize {}

export interface OutputSet extends OutputFiles {
  readonly files: readonly FileInTheMaking[];
  /** Of all of them. */
  readonly byteLength: number;
  /** Writes the header of each file. @throws QuantizeError `io` */
  writeHeaders(headers: readonly Uint8Array[]): void;
}

/** The size of each file of a plan's output. */
export function planFileSizes({ tensors, fileCount, alignment }: Plan, header: OutputHeader): FileSize[] {
  const dataBytes = new Array<number>(fileCount).fill(0);
  for (const { file, byteLength } of tensors) dataBytes[file]! += padTo(byteLength, alignment);
  return dataBytes.map((bytes, i) => {
    const dataStart = header.files[i]!.byteLength;
    return { dataStart, byteLength: dataStart + bytes };
  });
}

/**
 * Makes the temporary files of a plan's output.
 * @param path as the user gave it: with several files it is what their names are made from
 * @throws QuantizeError `output-exists`, `io`, `no-room`, and what the journal's `check` throws
 */
export function openOutputSet(plan: Plan, header: OutputHeader, path: string, run: OutputRun): OutputSet {
  const sizes = planFileSizes(plan, header);
  const planned = outputPaths(path, plan.fileCount).map((filePath, i) => ({ path: filePath, ...sizes[i]! }));
  const byteLength = planned.reduce((sum, file) => sum + file.byteLength, 0);
  // The disk must have room for all of them.
  const outputs = openOutputFiles(
    planned.map((file) => ({ ...file, roomBytes: byteLength })),
    run,
  );
  const files = planned.map((file, i) => ({ ...file, temporaryPath: outputs.temporaryPaths[i]! }));
  return {
    ...outputs,
    files,
    byteLength,
    writeHeaders(headers) {
      for (const [i, bytes] of headers.entries()) writeHeader(files[i]!, bytes);
    },
  };
}

function writeHeader({ path, temporaryPath }: FileInTheMaking, bytes: Uint8Array): void {
  try {
    writeParts(temporaryPath, [bytes]);
  } catch (cause) {
    throw ioError(path, "cannot be written", cause);
  }
}
