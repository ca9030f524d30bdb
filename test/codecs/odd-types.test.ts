/** Types that no converter gives to weights, but that a GGUF file may hold: activation blocks and integers. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveCodec } from "#dist/codecs/registry.js";
import { dequantize } from "#dist/src/jobs/dequantize.js";
import { inspectElement } from "#dist/src/inspect/inspect-element.js";
import { findTensor } from "#dist/src/open/tensor-reader.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import type { Model } from "#dist/src/read/model.js";
import { openModel } from "#dist/src/open/open-model.js";
import { temporaryFolderForFile } from "../support/cli.ts";
import { modelMetadata, writeGguf } from "../support/models.ts";
import { randomBytes } from "../support/weights.ts";

const folder = temporaryFolderForFile();
const input = join(folder, "odd.gguf");
const [ROW, ROWS] = [256, 4];

/** Blocks of random codes whose scales are 0.5. */
function blocks(type: "q8_1" | "q8_K"): Uint8Array {
  const { blockBytes, blockSize } = resolveCodec(type);
  const bytes = randomBytes((ROW / blockSize) * blockBytes * ROWS, 7);
  const scale = type === "q8_1" ? [0x00, 0x38] : [0, 0, 0, 0x3f];
  for (let at = 0; at < bytes.length; at += blockBytes) bytes.set(scale, at);
  return bytes;
}

const tensors = [
  { name: "blk.0.ffn_up.weight", type: 9, bytes: blocks("q8_1") },
  { name: "blk.0.ffn_down.weight", type: 15, bytes: blocks("q8_K") },
  { name: "blk.0.ids.weight", type: 26, bytes: randomBytes(4 * ROW * ROWS, 8) },
].map((tensor) => ({ ...tensor, shape: [ROW, ROWS] }));
const shape = { name: "odd", layers: 1, width: 64, feedForward: 64, heads: 4, valueHeads: 4 };
writeGguf(input, modelMetadata(shape), tensors);

function bytesOf(model: Model, name: string): Buffer {
  const { byteOffset, byteLength } = findTensor(model, name).extents[0]!;
  return readFileSync(model.files[0]!.path).subarray(byteOffset, byteOffset + byteLength);
}

test("all are copied", async () => {
  const output = join(folder, "copy.gguf");
  await quantize({ input, output, scheme: "copy" });
  const copied = await openModel(output);
  for (const { name, bytes } of tensors) expect(bytesOf(copied, name).equals(bytes), name).toBe(true);
});

test("activation blocks decode to floats, integers stay", async () => {
  const output = join(folder, "floats.gguf");
  await dequantize({ input, output, to: "f32" });
  const floats = await openModel(output);
  expect(bytesOf(floats, "blk.0.ids.weight").equals(tensors[2]!.bytes)).toBe(true);
  for (const { name, bytes } of tensors.slice(0, 2)) {
    // In both types the codes begin at byte 4.
    const first = (bytes[4]! << 24) >> 24;
    expect(bytesOf(floats, name).readFloatLE(0), name).toBe(first / 2);
    const model = await openModel(input);
    const element = await inspectElement(model, findTensor(model, name), { row: 0, column: 0 });
    expect(element).toMatchObject({ value: first / 2, parts: [{ field: "qs", bits: 8 }, { field: "d" }] });
  }
});

test("integers of a safetensors file are copied too, not widened to floats", async () => {
  const bytes = randomBytes(8 * ROW * ROWS, 9);
  const header = Buffer.from(
    JSON.stringify({ "ids.weight": { dtype: "I64", shape: [ROWS, ROW], data_offsets: [0, bytes.length] } }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, "ids.safetensors");
  writeFileSync(path, Buffer.concat([length, header, bytes]));
  const output = join(folder, "ids.gguf");
  await quantize({ input: path, output, scheme: "q8_0" });
  const copied = await openModel(output);
  expect(copied.tensors[0]!.codec).toBe("i64");
  expect(bytesOf(copied, "ids.weight").equals(bytes)).toBe(true);
});

test("a scheme takes activation blocks only when told to, and integers never", async () => {
  const output = join(folder, "q4_0.gguf");
  await expect(quantize({ input, output, scheme: "q4_0" })).rejects.toThrow(/already quantized \(q8_/);
  const report = await quantize({ input, output, scheme: "q4_0", pure: true, allowRequantize: true });
  expect(report.tensors.map(({ name, to }) => [name, to.codec])).toEqual([
    ["blk.0.ffn_down.weight", "q4_0"],
    ["blk.0.ffn_up.weight", "q4_0"],
    ["blk.0.ids.weight", "i32"],
  ]);
});
