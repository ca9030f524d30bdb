/**
 * The journal of an output in the making: one line for each thing that is done, beside the temporary files. A line is a
 * checksum and a JSON value. Whatever a process that is killed, or a machine that loses power, leaves of it is read up to
 * the first line that is not whole; what the lines say of bytes on the disk is looked at again before it is believed.
 */
import { appendFileSync } from "node:fs";
import { readLines } from "../read/input-file.ts";
import { formatHash, xxh64 } from "../verify/xxh64.ts";

const CHECKSUM_LENGTH = 16;

const lineOf = (value: unknown): string => {
  const text = JSON.stringify(value);
  return `${checksumOf(text)} ${text}\n`;
};

const checksumOf = (text: string): string => formatHash(xxh64(Buffer.from(text)));

/** Adds values to a journal. Throws what the system throws. */
export function addToJournal(path: string, values: readonly unknown[]): void {
  appendFileSync(path, values.map(lineOf).join(""));
}

/** The values of a journal, up to the first line that is damaged. */
export function* readJournal(path: string): Generator<unknown> {
  for (const line of readLines(path)) {
    const text = line.slice(CHECKSUM_LENGTH + 1);
    if (line.slice(0, CHECKSUM_LENGTH) !== checksumOf(text)) return;
    try {
      yield JSON.parse(text);
    } catch {
      return;
    }
  }
}
