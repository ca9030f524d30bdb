/** What the one WebAssembly module promises to those who instantiate it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { instantiateWasm } from "#dist/src/wasm/wasm-exports.js";
import { HEAP_START, memory, wasm } from "../support/wasm.ts";

test("every format that can be encoded has SIMD twins of its encoder and decoder", () => {
  const missing = allFormats()
    .filter((format) => !isCodebookFormat(format) && "encode" in format && format.encode !== undefined)
    .map(({ name }) => name)
    .filter((name) => wasm.encoder(name) === undefined || wasm.decoder(name) === undefined);
  expect(missing).toEqual([]);
});

test("static data stays below the first page, where buffers begin", () => {
  const fresh = new Uint8Array(memory.buffer);
  expect(fresh.subarray(HEAP_START).every((byte) => byte === 0)).toBe(true);
  expect(endOfStaticData()).toBeGreaterThan(0);
  expect(endOfStaticData()).toBeLessThanOrEqual(HEAP_START);
});

test.each([
  ["lacks one", {}, "xxh64_add is no function"],
  ["takes other parameters", { pack_rows: 4 }, "pack_rows takes 4 parameters, expected 5"],
  ["has one that nobody knows", { weave_pack: 5 }, "weave_pack is unknown"],
  ["has a decoder with too many", { decode_q8_0: 5 }, "decode_q8_0 takes 5 parameters, expected 3"],
])("a module that %s is refused", (_, parameters, problem) => {
  expect(() => instantiateWasm(moduleWith(parameters), memory)).toThrow(problem);
});

/** A module of empty functions with so many i32 parameters. */
function moduleWith(parameters: Readonly<Record<string, number>>): WebAssembly.Module {
  const functions = Object.entries(parameters);
  const section = (id: number, items: readonly (readonly number[])[]): number[] => {
    const body = [items.length, ...items.flat()];
    return [id, body.length, ...body];
  };
  return new WebAssembly.Module(
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(
        1,
        functions.map(([, count]) => [0x60, count, ...Array<number>(count).fill(0x7f), 0]),
      ),
      ...section(
        3,
        functions.map((_function, index) => [index]),
      ),
      ...section(
        7,
        functions.map(([name], index) => [name.length, ...Buffer.from(name), 0, index]),
      ),
      ...section(
        10,
        functions.map(() => [2, 0, 0x0b]),
      ),
    ]),
  );
}

/** End of the last active segment of the data section (id 11): flags 0, `i32.const` offset, bytes. */
function endOfStaticData(): number {
  const module = readFileSync(new URL("../../dist/quantize.wasm", import.meta.url));
  let at = 8;
  const readNumber = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  let last = 0;
  while (at < module.length) {
    const id = module[at++]!;
    const end = readNumber() + at;
    for (let segments = id === 11 ? readNumber() : 0; segments > 0; segments--) {
      at += 2; // flags and the opcode of i32.const
      const offset = readNumber();
      at++; // end of the expression
      const length = readNumber();
      last = Math.max(last, offset + length);
      at += length;
    }
    at = end;
  }
  return last;
}
