import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bitOrderTable } from "#dist/layouts/bit-orders.js";
import { CATALOGUE } from "#dist/layouts/catalogue.js";
import { COMPAT_TYPES } from "#dist/layouts/compat.js";
import { elementParts } from "#dist/layouts/element-bits.js";
import { locate } from "#dist/layouts/locate.js";
import { ROW_MULTIPLE } from "#dist/layouts/layout.js";
import { findLayout, LAYOUT_NAMES, layoutsOf, parseShape } from "#dist/layouts/registry.js";
import { layoutTable } from "#dist/layouts/layout-table.js";
import { pack, unpack } from "#dist/layouts/pack.js";
import { allFormats, findFormat } from "#dist/codecs/registry.js";
import { rowBytes } from "#dist/codecs/codec.js";
import { noise } from "../support/kernel-inputs.ts";
import { wasmInstance } from "../support/wasm.ts";

const GOLDEN = new URL("../../fixtures/golden/", import.meta.url);
const ROWS = 16;
const COLUMNS = 512;

const golden = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, GOLDEN)));
const layouts = allFormats().flatMap((format) => layoutsOf(format));
const named = layouts.map((layout) => [`${layout.format.name} ${layout.name}`, layout] as const);

const wasm = wasmInstance(32);
const [TABLE, FROM, TO] = [1 << 18, 1 << 19, 1 << 20];

function twinRun(
  verb: "pack_rows" | "unpack_rows",
  layout: (typeof layouts)[number],
  src: Uint8Array,
  rows: number,
): Uint8Array {
  const bytes = new Uint8Array(wasm.memory.buffer);
  bytes.set(layoutTable(layout), TABLE);
  bytes.set(src, FROM);
  bytes.fill(0xa5, TO, TO + src.length + 64);
  wasm[verb](FROM, TO, rows / layout.rowsPerGroup, src.length / rows / layout.format.blockBytes, TABLE);
  expect(bytes.subarray(TO + src.length, TO + src.length + 64).every((byte) => byte === 0xa5)).toBe(true);
  return bytes.slice(TO, TO + src.length);
}

describe("layouts have the bytes that ggml makes", () => {
  const files = readdirSync(new URL("layouts/", GOLDEN)).map((file) => {
    const [type, full] = file.split(".") as [string, string];
    return { file, type, layoutName: full.slice(type.length + 1) };
  });
  for (const { file, type, layoutName } of files.filter(({ type }) => findFormat(type) !== undefined))
    test(file, () => {
      const format = findFormat(type)!;
      const layout = findLayout(format, layoutName)!;
      const rows = golden(`rowmajor/${type}.rowmajor.bin`);
      const packed = new Uint8Array(rows.length);
      pack(layout, rows, packed, ROWS, rowBytes(format, COLUMNS));
      expect(Buffer.compare(packed, golden(`layouts/${file}`))).toBe(0);
      expect(Buffer.compare(twinRun("pack_rows", layout, rows, ROWS), packed)).toBe(0);
    });

  test("every line of the catalogue names shapes that are layouts", () => {
    for (const { shapes } of CATALOGUE) for (const shape of shapes) expect(LAYOUT_NAMES).toContain(shape);
  });
});

describe("unpacking is the inverse of packing, for any bytes", () => {
  for (const [name, layout] of named)
    test(name, () => {
      const { rowsPerGroup, format } = layout;
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 2 }),
          fc.integer({ min: 1, max: 3 }),
          fc.integer(),
          (groups, blocks, seed) => {
            const rows = groups * rowsPerGroup;
            const bytesPerRow = blocks * format.blockBytes;
            const src = Uint8Array.from(noise(rows * bytesPerRow, seed), (x) => Math.abs(x) * 256);
            const packed = new Uint8Array(src.length);
            const back = new Uint8Array(src.length);
            pack(layout, src, packed, rows, bytesPerRow);
            unpack(layout, packed, back, rows, bytesPerRow);
            expect(Buffer.compare(back, src)).toBe(0);
            expect(Buffer.compare(twinRun("pack_rows", layout, src, rows), packed)).toBe(0);
            expect(Buffer.compare(twinRun("unpack_rows", layout, packed, rows), src)).toBe(0);
          },
        ),
        { numRuns: 5 },
      );
    });
});

test("every layout that ggml makes has a golden file", () => {
  const made = new Set(readdirSync(new URL("layouts/", GOLDEN)).map((file) => file.replace(/^[^.]+\.|\.bin$/g, "")));
  // ik_llama.cpp's R8 types, and activations (test/kernels compares those).
  const others = COMPAT_TYPES.filter(({ id }) => id > 200).map((type) => `${type.format}_${type.layout}`);
  const expected = CATALOGUE.flatMap(({ format, shapes }) => shapes.map((shape) => `${format}_${shape}`));
  expect([...made].sort()).toEqual(
    expected.filter((name) => !others.includes(name) && !name.startsWith("q8_K")).sort(),
  );
});

describe("an element is where locate says", () => {
  for (const [name, layout] of named)
    test(name, () => {
      const { format, rowsPerGroup } = layout;
      const rows = rowsPerGroup * 2;
      const bytesPerRow = format.blockBytes * 2;
      const src = Uint8Array.from(
        { length: rows * bytesPerRow },
        (_, index) => (index * 197 + (index >> 5) * 31) & 255,
      );
      const packed = new Uint8Array(src.length);
      pack(layout, src, packed, rows, bytesPerRow);
      const rowMajor = findLayout(format, "rows")!;
      const bitsAt = (bytes: Uint8Array, from: typeof layout, row: number, column: number): string =>
        locate(from, bytesPerRow, row, column)
          .parts.map(({ field, byteOffset, bit, bits }) => {
            const xor = from.fields.find((candidate) => candidate.field === field)!.xor;
            return Array.from({ length: bits }, (_, index) => {
              const at = byteOffset * 8 + bit + index;
              return ((bytes[at >> 3]! ^ xor) >> (at & 7)) & 1;
            }).join("");
          })
          .join("");
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < format.blockSize * 2; column += format.blockSize > 64 ? 7 : 1)
          expect(bitsAt(packed, layout, row, column)).toBe(bitsAt(src, rowMajor, row, column));
    });
});

test("every code bit of a block belongs to some weight", () => {
  for (const format of allFormats().filter(({ kind }) => kind !== "float")) {
    for (const { name, bytes, role } of format.fields) {
      if (role !== "codes") continue;
      const seen = new Set<number>();
      for (let column = 0; column < format.blockSize; column++)
        for (const { field, bit, bits } of elementParts(format, column))
          if (field === name) for (let index = 0; index < bits; index++) seen.add(bit + index);
      expect(`${format.name}.${name}: ${seen.size} bits`).toBe(`${format.name}.${name}: ${bytes * 8} bits`);
    }
  }
});

test("bit orders are permutations", () => {
  for (const { fields, shapes, format: name } of CATALOGUE)
    for (const { field, special } of fields)
      for (const shape of shapes) {
        const bytes = findFormat(name)?.fields.find((candidate) => candidate.name === field)?.bytes;
        if (special === undefined || bytes === undefined) continue;
        const table = bitOrderTable(special, Number(shape.split("x")[0]), bytes);
        expect(new Set(table).size).toBe(table.length);
        expect(Math.max(...table)).toBe(table.length - 1);
      }
});

test("groups of every layout divide the rows at which work is cut, and a shape whose groups do not is refused", () => {
  for (const { rowsPerGroup } of layouts) expect(ROW_MULTIPLE % rowsPerGroup).toBe(0);
  expect(parseShape("16x1")).toEqual({ rowsPerGroup: 16, chunk: 1 });
  expect(() => parseShape("12x4")).toThrow("layout 12x4: 16 rows");
  expect(() => parseShape("32x4")).toThrow(RangeError);
});

test("sizes that do not fit are refused by name", () => {
  const format = { ...SAMPLE };
  const layout = findLayout(format, "4x4")!;
  expect(() => pack(layout, new Uint8Array(54), new Uint8Array(54), 3, 18)).toThrow("q4_0 4x4: 3 rows");
  expect(() => pack(layout, new Uint8Array(72), new Uint8Array(72), 4, 17)).toThrow("rows of 17 bytes");
  expect(() => pack(layout, new Uint8Array(71), new Uint8Array(72), 4, 18)).toThrow("source of 71 bytes");
  expect(() => unpack(layout, new Uint8Array(72), new Uint8Array(71), 4, 18)).toThrow("destination of 71 bytes");
  expect(findLayout(format, "4x16")).toBeUndefined();
  expect(() => locate(layout, 18, 0, 32)).toThrow("column 32");
});

const SAMPLE = {
  name: "q4_0",
  kind: "uniform",
  about: "four bits",
  blockSize: 32,
  blockBytes: 18,
  fields: [
    { name: "d", bytes: 2, role: "scale", meaning: "scale" },
    { name: "qs", bytes: 16, role: "codes", meaning: "codes" },
  ],
} as const;
