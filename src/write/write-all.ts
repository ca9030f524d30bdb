/** Writing by position until every byte is out: the system may take fewer at a time than it is given. */
import { closeSync, openSync, writeSync } from "node:fs";

/** Writes all of `data` from byte `position` of the file on. Throws what `writeSync` throws. */
export function writeAll(fd: number, data: Uint8Array, position: number): void {
  for (let done = 0; done < data.length;) done += writeSync(fd, data, done, data.length - done, position + done);
}

/** Writes parts, one after the other, from the start of a file that is there. Throws what the system throws. */
export function writeParts(path: string, parts: readonly Uint8Array[]): void {
  const fd = openSync(path, "r+");
  try {
    let position = 0;
    for (const part of parts) {
      writeAll(fd, part, position);
      position += part.length;
    }
  } finally {
    closeSync(fd);
  }
}
