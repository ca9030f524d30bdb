/**
 * The files of a journal: what must be known to go on with a calibration after its last finished step. A folder with
 *
 *   journal    lines of `hash JSON`: what is calibrated, then a `StepRecord` for each finished step
 *   tokens     the windows of the model's own text
 *   codes      bytes of the rounded tensors, step after step
 *   states-0   hidden states of all windows after the last even step, pass after pass; states-1 after the last odd one
 *
 * A step's data is on the disk before its line is: what has a line can be gone on from, whenever the machine stops.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Tensor } from "../read/model.ts";
import { formatHash, xxh64, xxh64Add, xxh64Finish, xxh64Start, XXH64_STATE_BYTES } from "../verify/xxh64.ts";
import { writeAll } from "../write/write-all.ts";

export const linesPath = (folder: string): string => join(folder, "journal");
export const tokensPath = (folder: string): string => join(folder, "tokens");
export const codesPath = (folder: string): string => join(folder, "codes");
/** @param step after which the states are */
export const statesPath = (folder: string, step: number): string => join(folder, `states-${step % 2}`);

/** Bytes that are copied at a time. */
const COPY_BYTES = 2 ** 20;

/** Appends a line. It is on the disk afterwards. */
export function appendLine(folder: string, value: unknown): void {
  const text = JSON.stringify(value);
  const fd = openSync(linesPath(folder), "a");
  try {
    writeSync(fd, `${formatHash(xxh64(Buffer.from(text)))} ${text}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * What complete lines hold. A last line that the machine did not come to finish is none.
 * @throws QuantizeError `bad-data` for a line that is not as it was written
 */
export function parseLines(text: string, path: string): unknown[] {
  const lines = text.split("\n");
  return lines.slice(0, -1).map((line, i): unknown => {
    const json = line.slice(17);
    if (line.slice(0, 17) === `${formatHash(xxh64(Buffer.from(json)))} `) return JSON.parse(json);
    throw new QuantizeError("bad-data", `${path}: line ${i + 1} is not as it was written`);
  });
}

/** Fills `out`. @throws QuantizeError `io` for a file that is too short */
export function readAt(fd: number, path: string, out: Uint8Array, position: number): void {
  for (let done = 0; done < out.length;) {
    const count = readSync(fd, out, done, out.length - done, position + done);
    if (count === 0) throw new QuantizeError("io", `${path}: expected ${position + out.length} bytes, found fewer`);
    done += count;
  }
}

/** A run of bytes in an open file. */
export interface FileRun {
  readonly fd: number;
  readonly path: string;
  readonly position: number;
}

/** Copies bytes from file to file. @returns their hash */
export function copyRuns(
  runs: readonly { readonly from: FileRun; readonly to: FileRun; readonly byteLength: number }[],
): string {
  const state = new Uint8Array(XXH64_STATE_BYTES);
  xxh64Start(state);
  for (const { from, to, byteLength } of runs) {
    for (let done = 0; done < byteLength; done += COPY_BYTES) {
      const bytes = new Uint8Array(Math.min(COPY_BYTES, byteLength - done));
      readAt(from.fd, from.path, bytes, from.position + done);
      xxh64Add(state, bytes);
      writeAll(to.fd, bytes, to.position + done);
    }
  }
  return formatHash(xxh64Finish(state));
}

/** Runs of whole tensors beside the codes of a step, which begin at byte `start`. @param fds of the tensors' files */
export function codeRuns(
  tensors: readonly Tensor[],
  files: readonly { readonly path: string }[],
  fds: readonly number[],
  codes: Omit<FileRun, "position">,
  start: number,
): { readonly tensor: FileRun; readonly codes: FileRun; readonly byteLength: number }[] {
  let position = start;
  return tensors.map(({ extents: [extent] }) => {
    const { file, byteOffset, byteLength } = extent!;
    const run = {
      tensor: { fd: fds[file]!, path: files[file]!.path, position: byteOffset },
      codes: { ...codes, position },
      byteLength,
    };
    position += byteLength;
    return run;
  });
}
