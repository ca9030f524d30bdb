import { describe, expect, test } from "vitest";
import { allFormats, findFormat } from "#dist/codecs/registry.js";
import { findLayout, layoutsOf } from "#dist/layouts/registry.js";
import { groupBlockBytes } from "#dist/layouts/pack.js";
import { drawHex, drawLayout } from "#dist/src/inspect/draw-layout.js";
import { drawLayoutSvg } from "#dist/src/inspect/draw-layout-svg.js";
import { layoutTurns } from "#dist/src/inspect/layout-cells.js";

const layoutOf = (codec: string, name: string) => findLayout(findFormat(codec)!, name)!;

test("q4_0 in 4x8, drawn", () => {
  expect(drawLayout(layoutOf("q4_0", "4x8"))).toBe(`\
q4_0 in layout 4x8: 4 rows x 32 weights in 72 bytes
  byte  field   one character a byte: the row it belongs to
     0  d       00112233
     8  qs      00000000 11111111 22222222 33333333 00000000 11111111 22222222 33333333

field   row 0 row 1 row 2 row 3  holds
d       0-1   2-3   4-5   6-7    scale
qs      8-15  16-23 24-31 32-39  weights 0-7, 16-23, XOR 0x88
        40-47 48-55 56-63 64-71  weights 8-15, 24-31, XOR 0x88`);
});

test("the bytes of a block, a line for every turn", () => {
  const bytes = Uint8Array.from({ length: 72 }, (_, index) => index);
  expect(drawHex(layoutOf("q4_cb", "4x4"), bytes, 720).split("\n").slice(0, 3)).toEqual([
    "     720  s       00 01 02 03",
    "     724  t       04 05 06 07",
    "     728  qs      08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17",
  ]);
  expect(() => drawHex(layoutOf("q4_cb", "4x4"), bytes.subarray(1))).toThrow("71 bytes of a block, expected 72");
});

test("colour goes by row and can be left out", () => {
  expect(drawLayout(layoutOf("q4_0", "4x4"))).not.toContain("\u001b");
  expect(drawLayout(layoutOf("q4_0", "4x4"), { color: true })).toContain("\u001b[33m1111\u001b[39m");
});

describe("cells cover the interleaved block, each byte once", () => {
  for (const each of allFormats().flatMap((format) => layoutsOf(format)))
    test(`${each.format.name} ${each.name}`, () => {
      let end = 0;
      for (const { cells } of layoutTurns(each))
        for (const { byteOffset, bytes } of cells) {
          expect(byteOffset).toBe(end);
          end += bytes;
        }
      expect(end).toBe(groupBlockBytes(each));
      expect(drawLayout(each).split("\n").length).toBeLessThan(60);
      expect(drawLayoutSvg(each)).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    });
});
