/** What the one WebAssembly module promises to those who instantiate it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { HEAP_START, kernels, memory } from "../support/wasm.ts";

test("every format that can be encoded has SIMD twins of its encoder and decoder", () => {
  const missing = allFormats()
    .filter((format) => !isCodebookFormat(format) && "encode" in format && format.encode !== undefined)
    .flatMap(({ name }) => [`encode_${name}`, `decode_${name}`])
    .filter((name) => typeof kernels[name] !== "function");
  expect(missing).toEqual([]);
});

test("static data stays below the first page, where buffers begin", () => {
  const fresh = new Uint8Array(memory.buffer);
  expect(fresh.subarray(HEAP_START).every((byte) => byte === 0)).toBe(true);
  expect(endOfStaticData()).toBeGreaterThan(0);
  expect(endOfStaticData()).toBeLessThanOrEqual(HEAP_START);
});

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
