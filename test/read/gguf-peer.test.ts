import { fileURLToPath } from "node:url";
import { GGMLQuantizationType, gguf, GGUFValueType } from "@huggingface/gguf";
import { expect, test } from "vitest";
import { findFormat } from "#dist/codecs/registry.js";
import { METADATA_TYPES, STORED_TYPES } from "#dist/src/read/gguf/gguf-types.js";
import { openModel } from "#dist/src/open/open-model.js";
import { ggufFile, writeTemporary } from "../support/gguf-file.ts";

test("value types have the numbers of @huggingface/gguf", () => {
  expect(METADATA_TYPES.map((name) => name.toUpperCase())).toEqual(METADATA_TYPES.map((_, id) => GGUFValueType[id]));
});

test("tensor types have the numbers of @huggingface/gguf, where it knows them", () => {
  const known = STORED_TYPES.filter(({ id, layout }) => layout === "rows" && GGMLQuantizationType[id] !== undefined);
  expect(known.length).toBeGreaterThan(30);
  expect(known.map(({ codec }) => codec.toUpperCase())).toEqual(known.map(({ id }) => GGMLQuantizationType[id]));
});

test("tensor types have the sizes of our codecs", () => {
  const sizes = STORED_TYPES.flatMap((type) => {
    const format = findFormat(type.codec);
    return format === undefined ? [] : [{ type, format }];
  });
  expect(sizes.length).toBeGreaterThan(20);
  for (const { type, format } of sizes) {
    expect([type.codec, type.blockSize, type.blockBytes]).toEqual([format.name, format.blockSize, format.blockBytes]);
    if (type.layout === "rows") expect(format.ggmlType).toBe(type.id);
  }
});

const local = { allowLocalFile: true } as const;

test("it reads the fixture as we do", async () => {
  const path = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
  const ours = await openModel(path);
  const { metadata, tensorInfos } = await gguf(path, local);
  const theirs: Record<string, unknown> = { ...metadata };
  for (const [key, value] of ours.metadata) {
    const plain = value.type === "array" ? Array.from(value.values) : value.value;
    expect(theirs[key], key).toEqual(plain);
  }
  expect(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)])).toEqual(
    ours.tensors.map(({ name, shape }) => [name, shape]),
  );
});

test("it reads what we write", async () => {
  const path = writeTemporary(
    "ours.gguf",
    ggufFile(
      new Map([
        ["general.architecture", { type: "string", value: "llama" }],
        ["t.big", { type: "uint64", value: 2n ** 63n }],
        ["t.array", { type: "array", elementType: "string", values: ["Ġa", "", "日本"] }],
        ["t.flag", { type: "bool", value: true }],
      ]),
      [
        { name: "a.weight", shape: [32, 2], ggmlType: 2, bytes: new Uint8Array(36) },
        { name: "b.weight", shape: [5], ggmlType: 0, bytes: new Uint8Array(20) },
      ],
    ),
  );
  const { metadata, tensorInfos } = await gguf(path, local);
  expect(metadata).toMatchObject({ "t.big": 2n ** 63n, "t.array": ["Ġa", "", "日本"], "t.flag": true });
  expect(tensorInfos).toMatchObject([
    { name: "a.weight", shape: [32n, 2n], dtype: GGMLQuantizationType.Q4_0, offset: 0n },
    { name: "b.weight", shape: [5n], dtype: GGMLQuantizationType.F32, offset: 64n },
  ]);
});
