/** Writing by position until every byte is out: the system may take fewer at a time than it is given. */
import { writeSync } from "node:fs";

/** Writes all of `data` from byte `position` of the file on. Throws what `writeSync` throws. */
export function writeAll(fd: number, data: Uint8Array, position: number): void {
  for (let done = 0; done < data.length;) done += writeSync(fd, data, done, data.length - done, position + done);
}
