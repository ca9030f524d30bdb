/** The files of one conversion, one or several: where they stand, and their headers, which are written last. */
import { closeSync, openSync } from "node:fs";
import type { Plan } from "../plan/plan.ts";
import { outputPaths } from "../plan/split-outputs.ts";
import { padTo } from "../read/gguf/gguf-types.ts";
import { ioError } from "../read/input-file.ts";
import { openOutputFiles, type OutputFiles } from "./output-files.ts";
import type { FinishedHeader, OutputHeader } from "./output-header.ts";
import { writeAll } from "./write-all.ts";

/** A file of the output, before it has its name. */
export interface FileInTheMaking {
  /** The name it will have. */
  readonly path: string;
  readonly temporaryPath: string;
  /** Position of the data section. */
  readonly dataStart: number;
  /** Of the whole file, header and padding included. */
  readonly byteLength: number;
}

export interface OutputSet extends OutputFiles {
  readonly files: readonly FileInTheMaking[];
  /** Of all of them. */
  readonly byteLength: number;
  /** Writes the header of each file, and the manifest to its own, where that is wanted. @throws QuantizeError `io` */
  writeHeaders(header: FinishedHeader): void;
}

/** Where the output goes. */
export interface OutputPlace {
  /** As the user gave it: with several files it is what their names are made from. */
  readonly path: string;
  readonly force?: boolean;
  /** A file for the manifest. */
  readonly manifestFile?: string | undefined;
}

/**
 * Makes the temporary files of a plan's output.
 * @throws QuantizeError `output-exists`, `io`, `no-room`
 */
export function openOutputSet(plan: Plan, header: OutputHeader, place: OutputPlace): OutputSet {
  const { path, force = false, manifestFile } = place;
  const dataBytes = new Array<number>(plan.fileCount).fill(0);
  for (const { file, byteLength } of plan.tensors) dataBytes[file]! += padTo(byteLength, plan.alignment);
  const planned = outputPaths(path, plan.fileCount).map((filePath, i) => {
    const dataStart = header.files[i]!.byteLength;
    return { path: filePath, dataStart, byteLength: dataStart + dataBytes[i]! };
  });
  const byteLength = planned.reduce((sum, file) => sum + file.byteLength, 0);
  const inputs = plan.model.files.map((file) => file.path);
  // The disk must have room for all of them.
  const outputs = openOutputFiles([
    ...planned.map((file) => ({ ...file, inputs, force, roomBytes: byteLength })),
    ...(manifestFile === undefined ? [] : [{ path: manifestFile, inputs, force }]),
  ]);
  const files = planned.map((file, i) => ({ ...file, temporaryPath: outputs.temporaryPaths[i]! }));
  return {
    ...outputs,
    files,
    byteLength,
    writeHeaders({ bytes, manifest }) {
      for (const [i, header] of bytes.entries()) writeStart(files[i]!, header);
      if (manifestFile === undefined) return;
      const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
      writeStart({ path: manifestFile, temporaryPath: outputs.temporaryPaths.at(-1)! }, text);
    },
  };
}

/** Writes the first bytes of a file. */
function writeStart({ path, temporaryPath }: Pick<FileInTheMaking, "path" | "temporaryPath">, bytes: Uint8Array): void {
  try {
    const fd = openSync(temporaryPath, "r+");
    try {
      writeAll(fd, bytes, 0);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw ioError(path, "cannot be written", cause);
  }
}
