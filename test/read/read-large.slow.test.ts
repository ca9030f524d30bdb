import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { closeModelFiles, openModelFiles, readTensorRows } from "#dist/src/read/read-tensor.js";
import { ggufHeaderBytes } from "#dist/src/write/gguf-header.js";
import { temporaryFolder } from "../support/gguf-file.ts";

const ROWS = 2 ** 20;
const ROW_LENGTH = 3 * 2 ** 10;

test("rows beyond 4 GiB are read from their place (a sparse file of 24 GiB)", async () => {
  const rowBytes = 4 * ROW_LENGTH;
  const byteLength = ROWS * rowBytes;
  const tensors = [0, 1].map((i) => ({
    name: `${"ab"[i]}.weight`,
    shape: [ROW_LENGTH, ROWS],
    ggmlType: 0,
    byteOffset: i * byteLength,
  }));
  const header = ggufHeaderBytes({ metadata: new Map(), tensors, alignment: 32 });
  const path = join(temporaryFolder(), "large.gguf");
  const last = Uint8Array.from({ length: rowBytes }, (_, i) => i % 251);
  const fd = openSync(path, "w");
  ftruncateSync(fd, header.length + 2 * byteLength);
  writeSync(fd, header, 0, header.length, 0);
  writeSync(fd, last, 0, rowBytes, header.length + 2 * byteLength - rowBytes);
  closeSync(fd);

  const model = await openModel(path);
  const fds = openModelFiles(model.files);
  const out = new Uint8Array(2 * rowBytes);
  readTensorRows(model.files, fds, model.tensors[1]!, ROWS - 2, ROWS, out);
  closeModelFiles(fds);
  expect(out.subarray(0, rowBytes).every((byte) => byte === 0)).toBe(true);
  expect(Buffer.from(out.buffer, rowBytes).equals(last)).toBe(true);
});
