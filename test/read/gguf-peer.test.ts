import { fileURLToPath } from "node:url";
import { GGMLQuantizationType, gguf, GGUFValueType } from "@huggingface/gguf";
import { expect, test } from "vitest";
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

/** ggml's `type_traits`: weights per block and bytes per block. */
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  ...{ f64: [1, 8], f32: [1, 4], f16: [1, 2], bf16: [1, 2], i8: [1, 1], i16: [1, 2], i32: [1, 4], i64: [1, 8] },
  ...{ q4_0: [32, 18], q4_1: [32, 20], q5_0: [32, 22], q5_1: [32, 24], q8_0: [32, 34], q8_1: [32, 36] },
  ...{ q2_K: [256, 84], q3_K: [256, 110], q4_K: [256, 144], q5_K: [256, 176], q6_K: [256, 210], q8_K: [256, 292] },
  ...{ iq1_s: [256, 50], iq1_m: [256, 56], iq2_xxs: [256, 66], iq2_xs: [256, 74], iq2_s: [256, 82] },
  ...{ iq3_xxs: [256, 98], iq3_s: [256, 110], iq4_nl: [32, 18], iq4_xs: [256, 136] },
  ...{ tq1_0: [256, 54], tq2_0: [256, 66], mxfp4: [32, 17], nvfp4: [64, 36], q1_0: [128, 18], q2_0: [64, 18] },
};

test("tensor types have the sizes of ggml", () => {
  const sizes = STORED_TYPES.map(({ codec, blockSize, blockBytes }) => [codec, [blockSize, blockBytes]]);
  expect(Object.fromEntries(sizes)).toEqual(SIZES);
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
