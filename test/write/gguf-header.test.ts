import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeText, encodeText, textByteLength } from "#dist/src/read/lossless-utf8.js";
import type { Metadata, MetadataType, MetadataValue } from "#dist/src/read/model.js";
import { openModel } from "#dist/src/open/open-model.js";
import { ggufHeaderBytes, ggufHeaderSize } from "#dist/src/write/gguf-header.js";
import { placeInDataSection } from "#dist/src/read/gguf/gguf-types.js";
import { findStoredTypeOf } from "#dist/src/read/gguf/gguf-types.js";
import { ggufFile, writeTemporary } from "../support/gguf-file.ts";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));

test("writing what was read gives the fixture's header, byte for byte", async () => {
  const model = await openModel(FABLE);
  const { offsets } = placeInDataSection(
    model.tensors.map((tensor) => tensor.extents[0]!.byteLength),
    32,
  );
  const tensors = model.tensors.map(({ name, shape, codec }, i) => ({
    name,
    shape,
    ggmlType: findStoredTypeOf(codec)!.id,
    byteOffset: offsets[i]!,
  }));
  const header = ggufHeaderBytes({ metadata: model.metadata, tensors, alignment: 32 });
  expect(Buffer.from(header).equals(readFileSync(FABLE).subarray(0, header.length))).toBe(true);
});

const text = fc.uint8Array({ maxLength: 12 }).map((bytes) => decodeText(bytes));

test("text keeps its bytes, valid UTF-8 or not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const decoded = decodeText(bytes);
      expect(encodeText(decoded)).toEqual(bytes);
      expect(textByteLength(decoded)).toBe(bytes.length);
    }),
  );
  for (const valid of ["Ġ日本語 👋", "\ufffd", "\ufeffa", ""]) {
    expect(decodeText(encodeText(valid))).toBe(valid);
  }
});

const integer = (min: number, max: number) => fc.integer({ min, max });
const scalars: Record<MetadataType, fc.Arbitrary<number | bigint | boolean | string>> = {
  uint8: integer(0, 255),
  int8: integer(-128, 127),
  uint16: integer(0, 65535),
  int16: integer(-32768, 32767),
  uint32: integer(0, 2 ** 32 - 1),
  int32: integer(-(2 ** 31), 2 ** 31 - 1),
  float32: fc.float(),
  bool: fc.boolean(),
  string: text,
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float64: fc.double(),
};
const value: fc.Arbitrary<MetadataValue> = fc.constantFrom(...(Object.keys(scalars) as MetadataType[])).chain((type) =>
  fc.oneof(
    scalars[type].map((value) => ({ type, value })),
    fc.array(scalars[type], { maxLength: 5 }).map((values) => ({ type: "array" as const, elementType: type, values })),
  ),
);
const metadata = fc
  .array(
    fc.tuple(
      fc.string({ minLength: 1, maxLength: 10 }).map((key) => `t.${key}`),
      value,
    ),
    { maxLength: 8 },
  )
  .map((pairs): Metadata => new Map(pairs));

/** Typed arrays as plain ones, strings as decoded. */
function plain(metadata: Metadata) {
  return [...metadata].map(([key, value]) => [
    key,
    value.type === "array" ? { ...value, stored: undefined, values: Array.from(value.values) } : value,
  ]);
}

test("any metadata comes back with its values, types and order", async () => {
  await fc.assert(
    fc.asyncProperty(metadata, fc.constantFrom(8, 32, 64, 4096), async (original, alignment) => {
      original.set("general.alignment", { type: "uint32", value: alignment });
      const tensor = { name: "a.weight", shape: [3, 2], ggmlType: 0, bytes: new Uint8Array(24).fill(7) };
      const file = ggufFile(original, [tensor, { ...tensor, name: "b.weight" }], alignment);
      const { openGguf } = await import("#dist/src/read/gguf/open-gguf.js");
      const path = writeTemporary("m.gguf", file);
      const model = openGguf(path);
      // Written again before anyone looked: strings pass as bytes.
      expect(ggufFile(model.metadata, [tensor, { ...tensor, name: "b.weight" }], alignment)).toEqual(file);
      expect(plain(model.metadata)).toEqual(plain(original));
      expect(model.tensors.map((t) => t.extents[0]!.byteOffset % alignment)).toEqual([0, 0]);
    }),
    { numRuns: 60 },
  );
});

test("the header's size is known from lengths alone", () => {
  const tensors = [{ name: "w", shape: [32], ggmlType: 0, byteOffset: 0 }];
  const known: Metadata = new Map([["k", { type: "array", elementType: "int8", values: new Int8Array(1000) }]]);
  const planned: Metadata = new Map([["k", { type: "array", elementType: "int8", values: { length: 1000 } }]]);
  const header = { tensors, alignment: 32 };
  expect(ggufHeaderSize({ ...header, metadata: planned })).toBe(ggufHeaderBytes({ ...header, metadata: known }).length);
});

test("a value that is not of its type is refused", () => {
  for (const [type, value] of [
    ["uint8", 256],
    ["uint8", 1.5],
    ["int32", 2 ** 31],
    ["uint64", -1n],
    ["bool", 1],
    ["float32", "1"],
  ] as const) {
    const wrong: Metadata = new Map([["k", { type, value }]]);
    expect(() => ggufHeaderBytes({ metadata: wrong, tensors: [], alignment: 32 }), `${value} as ${type}`).toThrow(
      RangeError,
    );
  }
});
