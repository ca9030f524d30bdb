/**
 * The files of one conversion, one or several: they appear together, the first of the set last, and only when all of
 * them are complete and checked.
 */
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { outputPaths } from "../plan/split-outputs.ts";
import { padTo } from "../read/gguf/gguf-types.ts";
import { withCursor } from "../read/input-file.ts";
import { parseGguf } from "../read/gguf/parse-gguf.ts";
import { checkOutput, writeAtomically } from "./atomic-output.ts";
import type { FileHeader, OutputHeader } from "./output-header.ts";
import { writeParts } from "./write-all.ts";

interface OutputFile {
  readonly path: string;
  readonly header: FileHeader;
  /** Of the whole file, header and padding included. */
  readonly byteLength: number;
}

export interface OutputSet {
  readonly files: readonly OutputFile[];
  readonly byteLength: number;
  /** Refuses what must not be written, before any work. @throws QuantizeError `output-exists`, `io`, `no-room` */
  check(): void;
  /**
   * Makes temporary files, hands their paths to `write`, and moves them into place when it is done.
   * @param write returns the finished headers beside its result
   */
  write<T>(
    write: (temporaryPaths: readonly string[]) => Promise<{ result: T; headers: readonly Uint8Array[] }>,
  ): Promise<T>;
}

/** @param path as the user gave it: with several files it is what their names are made from */
export function outputSet(plan: Plan, header: OutputHeader, path: string, force: boolean): OutputSet {
  const dataBytes = new Array<number>(plan.fileCount).fill(0);
  for (const { file, byteLength } of plan.tensors) dataBytes[file]! += padTo(byteLength, plan.alignment);
  const files = outputPaths(path, plan.fileCount).map((filePath, i): OutputFile => {
    const own = header.files[i]!;
    return { path: filePath, header: own, byteLength: own.byteLength + dataBytes[i]! };
  });
  const inputs = plan.model.files.map((file) => file.path);
  const byteLength = files.reduce((sum, file) => sum + file.byteLength, 0);

  return {
    files,
    byteLength,
    check() {
      // The disk must have room for all of them.
      for (const file of files) checkOutput({ path: file.path, inputs, force, byteLength });
    },
    write(write) {
      const temporaryPaths: string[] = [];
      const within = async <T>(index: number, run: () => Promise<T>): Promise<T> => {
        const file = files[index];
        if (file === undefined) return run();
        return writeAtomically(
          { path: file.path, inputs, force, byteLength: file.byteLength },
          {
            write: (temporaryPath) => {
              temporaryPaths.push(temporaryPath);
              return within(index + 1, run);
            },
            check: (temporaryPath) => checkWritten(temporaryPath, file),
          },
        );
      };
      return within(0, async () => {
        const { result, headers } = await write(temporaryPaths);
        for (const [i, bytes] of headers.entries()) writeParts(temporaryPaths[i]!, [bytes]);
        return result;
      });
    },
  };
}

/** Reopens what was written: every tensor must stand in the file as planned. */
function checkWritten(temporaryPath: string, { path, header }: OutputFile): void {
  const { tensors } = withCursor(temporaryPath, parseGguf);
  for (const [index, expected] of header.tensors.entries()) {
    const found = tensors[index];
    const isThere = found?.name === expected.name && found.shape.join() === expected.shape.join();
    if (!isThere || found.byteOffset !== header.byteLength + expected.byteOffset) {
      throw new QuantizeError("io", `${path}: tensor ${expected.name} is not there as it was written`);
    }
  }
}
