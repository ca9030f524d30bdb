/** The few tensors whose values decide what others mean: their bytes, read when a folder is opened. */
import { closeSync, readSync } from "node:fs";
import { QuantizeError } from "../../../errors.ts";
import { ioError, openInput } from "../../input-file.ts";
import { requirePresent } from "../../partial-files.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import { placeOf } from "../source-tensors.ts";

/** More than any of them has: indices of a million columns. */
const MAX_BYTES = 1 << 23;

/** @throws QuantizeError `bad-format` for one that is too large, `io` when it cannot be read */
export function readEntry(set: SafetensorsSet, entry: PlacedEntry): Uint8Array {
  const { file, byteOffset, byteLength } = entry;
  const { path } = set.files[file]!;
  if (byteLength > MAX_BYTES) {
    const found = `expected at most ${MAX_BYTES} bytes, found ${byteLength}`;
    throw new QuantizeError("bad-format", `${placeOf(set, entry)}: ${found}`);
  }
  requirePresent(path, byteOffset, byteLength);
  const bytes = new Uint8Array(byteLength);
  const { fd } = openInput(path);
  try {
    if (readSync(fd, bytes, 0, byteLength, byteOffset) === byteLength) return bytes;
  } catch (cause) {
    throw ioError(path, `cannot be read at byte ${byteOffset}`, cause);
  } finally {
    closeSync(fd);
  }
  throw new QuantizeError("io", `${path}: became shorter than byte ${byteOffset + byteLength}`);
}
