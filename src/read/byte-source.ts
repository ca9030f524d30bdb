/** Bytes of a model's open files, by position. */
import { readSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { ioError } from "./input-file.ts";
import type { Model } from "./model.ts";
import type { Extent } from "./stored-array.types.ts";

export interface ByteSource {
  /** Fills `out` with the extent's bytes from `byteOffset` on. @throws QuantizeError `io` */
  readonly read: (extent: Extent, byteOffset: number, out: Uint8Array) => void;
}

/**
 * @param files of the model, for error messages
 * @param fds from `openModelFiles`
 */
export function byteSource(files: Model["files"], fds: readonly number[]): ByteSource {
  return {
    read: ({ file, byteOffset, bytes }, from, out) => {
      if (bytes !== undefined) out.set(bytes.subarray(from, from + out.length));
      else readFully(fds[file]!, files[file]!.path, byteOffset + from, out);
    },
  };
}

function readFully(fd: number, path: string, position: number, out: Uint8Array): void {
  let done = 0;
  while (done < out.length) {
    let count: number;
    try {
      count = readSync(fd, out, done, out.length - done, position + done);
    } catch (cause) {
      throw ioError(path, `cannot be read at byte ${position + done}`, cause);
    }
    if (count === 0) throw new QuantizeError("io", `${path}: became shorter than byte ${position + out.length}`);
    done += count;
  }
}
