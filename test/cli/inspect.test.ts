import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, FABLE, temporaryFolder } from "../support/cli.js";

const NAME = "blk.0.ffn_up.weight";

test("--element says byte, bits, scale and value, and they are right", () => {
  const path = join(temporaryFolder(), "fable.gguf");
  expect(cli([FABLE, "-s", "q4_0", "--pure", "-l", "4x8", "-o", path, "-q"]).code).toBe(0);
  const args = ["inspect", path, "--tensor", NAME, "--element", "5,40"];
  const element = JSON.parse(cli([...args, "--json"]).stdout);
  const [code, scale] = element.parts;
  // Row 5 is the second of its group of four; column 40 is weight 8 of block 1: the low nibble of its byte 8, which the
  // second chunk of eight bytes begins with.
  expect(code).toMatchObject({ field: "qs", byteOffset: 4 * 144 + 72 + 8 + (4 + 1) * 8, bit: 0, bits: 4 });
  expect(scale).toMatchObject({ field: "d", byteOffset: 4 * 144 + 72 + 2, bits: 16 });
  expect(element.value).toBeCloseTo(Number(scale.reading) * (code.value - 8), 6);
  const byte = readFileSync(path)[code.fileOffset]!;
  expect(byte & 15).toBe(code.stored);
  expect(code.stored).toBe(code.value ^ 8);
  expect(cli(args).stdout).toMatch(/code +qs +696 +\d+ +low nibble/);
  expect(cli([...args, "--hex"]).stdout).toMatch(/^ +656 +qs .*\n.*\n +688 .*\[/m);
  // The same weight in the layout of another machine: elsewhere, with the same value.
  const packed = JSON.parse(cli([...args, "--layout", "8x8", "--json"]).stdout);
  expect(packed).toMatchObject({ layout: "8x8", storedLayout: "4x8", value: element.value });
  expect(packed.parts[0]).toMatchObject({ value: code.value });
  expect(packed.parts[0].byteOffset).not.toBe(code.byteOffset);
});

test.each([
  [["--element", "5,40"], "--element needs --tensor"],
  [["--tensor", "blk.0.ffn_upp.weight", "--element", "5,40"], `did you mean "${NAME}"?`],
  [["--tensor", NAME, "--element", "512,0"], "row 512, expected 0 to 511"],
  [["--tensor", NAME, "--element", "0,256"], "column 256, expected 0 to 255"],
  [["--tensor", NAME, "--element", "5"], "expected row,column"],
  [["--layout", "4x8"], "--layout and --svg need --tensor"],
  [["--tensor", NAME, "--hex"], "--hex needs --element"],
])("%j is refused", (args, message) => {
  const { code, stdout, stderr } = cli(["inspect", FABLE, ...args]);
  expect(stderr).toContain(message);
  expect(stdout).toBe("");
  expect(code).toBe(2);
});

test("a layout is drawn, in the terminal and as a picture", () => {
  const svg = join(temporaryFolder(), "layout.svg");
  const { code, stdout } = cli(["layouts", "q4_0", "4x8", "--svg", svg]);
  expect(code).toBe(0);
  expect(stdout).toContain("qs      00000000 11111111 22222222 33333333");
  expect(stdout).not.toContain("\u001b");
  expect(readFileSync(svg, "utf8")).toMatch(/^<svg /);
  expect(cli(["inspect", FABLE, "--tensor", NAME, "--layout", "rows"]).stdout).toContain("f16 in layout rows");
  expect(cli(["layouts", "q4_0", "4x9"])).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean") });
});
