import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ggmlDecode, ggmlEncode } from "./ggml.ts";

const golden = (path: string) => readFileSync(new URL(`../../fixtures/golden/${path}`, import.meta.url));
const f32 = (bytes: Buffer) => new Float32Array(new Uint8Array(bytes).buffer);

test.each([
  ["q4_0", 2],
  ["q4_K", 12],
  ["iq4_nl", 20],
])("the library on this machine makes the golden bytes of %s", (name, type) => {
  const weights = f32(golden("weights.f32"));
  const bytes = ggmlEncode(type, weights, 512);
  expect(Buffer.compare(bytes, golden(`rowmajor/${name}.rowmajor.bin`))).toBe(0);
  expect(
    Buffer.from(ggmlDecode(name, bytes, weights.length).buffer).equals(golden(`rowmajor/${name}.dequant.f32`)),
  ).toBe(true);
});
