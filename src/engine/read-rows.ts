/** STAND-IN until src/read/read-tensor.ts lands: stored bytes of rows, by position. */
import { readSync } from "node:fs";
import type { Tensor } from "../read/model.ts";
import { QuantizeError } from "../errors.ts";
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";

export function readRows(
  tensor: Tensor,
  startRow: number,
  endRow: number,
  out: Uint8Array,
  fds: readonly number[],
): void {
  const bytes = rowBytes(findFormat(tensor.codec)!, tensor.shape[0]!);
  let position = startRow * bytes;
  let done = 0;
  const wanted = (endRow - startRow) * bytes;
  for (const extent of tensor.extents) {
    if (position >= extent.byteLength) {
      position -= extent.byteLength;
      continue;
    }
    const length = Math.min(extent.byteLength - position, wanted - done);
    for (let read = 0; read < length;) {
      const n = readSync(fds[extent.file]!, out, done + read, length - read, extent.byteOffset + position + read);
      if (n === 0) throw new QuantizeError("bad-format", "unexpected end of file");
      read += n;
    }
    done += length;
    position = 0;
    if (done === wanted) return;
  }
}
