import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { closeModelFiles, openModelFiles, readTensorRows } from "#dist/src/read/read-tensor.js";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));

test("the fixture model is read with its types, key order and places", async () => {
  const model = await openModel(FABLE);
  expect(model.format).toBe("gguf");
  expect([...model.metadata.keys()].slice(0, 4)).toEqual([
    "general.architecture",
    "general.name",
    "general.description",
    "llama.context_length",
  ]);
  expect(model.metadata.get("llama.context_length")).toEqual({ type: "uint32", value: 128 });
  expect(model.metadata.get("tokenizer.ggml.add_bos_token")).toEqual({ type: "bool", value: false });
  const types = model.metadata.get("tokenizer.ggml.token_type")!;
  expect(types.type === "array" && types.elementType === "int32" && types.values).toBeInstanceOf(Int32Array);
  expect(model.tensors).toHaveLength(21);
  expect(model.tensors[0]).toMatchObject({
    name: "token_embd.weight",
    shape: [256, 512],
    codec: "f16",
    layout: "rows",
  });
});

test("a row range is the same bytes as the same rows of a whole read", async () => {
  const model = await openModel(FABLE);
  const tensor = model.tensors[0]!;
  const fds = openModelFiles(model.files);
  try {
    const whole = new Uint8Array(512 * 512);
    readTensorRows(model.files, fds, tensor, 0, 512, whole);
    const part = new Uint8Array(7 * 512);
    readTensorRows(model.files, fds, tensor, 5, 12, part);
    expect(part).toEqual(whole.slice(5 * 512, 12 * 512));
  } finally {
    closeModelFiles(fds);
  }
});
