import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cli, FABLE, temporaryFolderForFile } from "../support/cli.js";

const folder = temporaryFolderForFile();
const at = (name: string): string => join(folder, name);
const json = (...args: string[]) => JSON.parse(cli([...args, "--json"]).stdout);

beforeAll(() => {
  const manifest = ["--manifest", at("manifest.json"), "--report", at("report.html")];
  const made = cli([FABLE, "-s", "q4_cb", "-l", "4x8", "--effort", "fast", "-o", at("packed.gguf"), ...manifest, "-q"]);
  expect(made).toEqual({ code: 0, stdout: "", stderr: "" });
});

describe("verify", () => {
  test("agrees with the manifest, and says how far the weights are off", () => {
    const { code, stdout } = cli(["verify", at("packed.gguf"), "--against", FABLE]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^blk\.0\.ffn_up\.weight +f16 +q4_cb@4x8 .* same$/m);
    expect(stdout).toContain("every tensor's bytes match the manifest");
  });

  test("a flipped bit is damage: exit code 3", () => {
    const bytes = readFileSync(at("packed.gguf"));
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(at("damaged.gguf"), bytes);
    const { code, stdout, stderr } = cli(["verify", at("damaged.gguf"), "--against", FABLE]);
    expect(code).toBe(3);
    expect(stdout).toContain("DAMAGED");
    expect(stderr).toMatch(/^quantize: .*\n$/);
  });

  test("without --against, the original is looked for where the manifest says", () => {
    const lost = cli(["verify", at("packed.gguf")], { cwd: folder });
    expect(lost).toMatchObject({ code: 2, stdout: "" });
    expect(lost.stderr).toMatch(/was made from fable-f16\.gguf \(\d+ bytes\), which is neither beside it nor here/);
    expect(cli(["verify", at("packed.gguf")], { cwd: dirname(FABLE) }).code).toBe(0);
    expect(cli(["verify", FABLE])).toMatchObject({ code: 2, stderr: expect.stringContaining("--against <model>") });
  });

  test("a budget that is missed: exit code 3", () => {
    expect(
      cli(["verify", at("packed.gguf"), "--against", FABLE, "--min-cosine", "0.9999", "--level", "weights"]).code,
    ).toBe(3);
  });
});

describe("pack and unpack", () => {
  test("a file with nothing to pack is copied, and said to be", () => {
    const { code, stdout } = cli(["pack", FABLE, "-l", "4x8", "-o", at("floats.gguf")]);
    expect(code).toBe(0);
    expect(stdout).toContain("warning nothing was packed: no tensor comes in 4x8");
  });

  test("are each other's inverse", () => {
    expect(cli(["unpack", at("packed.gguf"), "-o", at("rows.gguf"), "-q"]).code).toBe(0);
    expect(cli(["pack", at("rows.gguf"), "-l", "4x8", "-o", at("again.gguf"), "-q"]).code).toBe(0);
    const difference = json("diff", at("packed.gguf"), at("again.gguf"));
    expect(difference).toMatchObject({ isSame: true, metadata: [] });
    const unpacked = json("diff", at("packed.gguf"), at("rows.gguf"));
    const packed = unpacked.tensors.find(({ name }: { name: string }) => name === "blk.0.ffn_up.weight");
    expect(packed).toMatchObject({ kind: "encoding", a: "q4_cb@4x8", b: "q4_cb", nmse: 0 });
  });
});

test("dequantize gives floats that are the blocks' values", () => {
  expect(cli(["dequantize", at("packed.gguf"), "--to", "f32", "-o", at("f32.gguf"), "-q"]).code).toBe(0);
  const { tensors } = json("diff", at("packed.gguf"), at("f32.gguf"));
  for (const { kind, nmse } of tensors) expect(kind === "same" || nmse === 0).toBe(true);
});

describe("diff", () => {
  test("exit code 0 for the same, 1 for others, as diff(1)", () => {
    expect(cli(["diff", FABLE, FABLE])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("the same"),
      stderr: "",
    });
    const { code, stdout, stderr } = cli(["diff", FABLE, at("packed.gguf")]);
    expect(code).toBe(1);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^general\.file_type: only in the first$/m);
    expect(stdout).toMatch(/^blk\.0\.ffn_up\.weight +other type +f16 +q4_cb@4x8 +0\.00\d+/m);
  });
});

test("the manifest repeats the conversion, byte for byte", () => {
  const args = [FABLE, "--recipe", at("manifest.json"), "-o", at("repeated.gguf"), "-q"];
  expect(cli(args)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readFileSync(at("repeated.gguf")).equals(readFileSync(at("packed.gguf")))).toBe(true);
});

test("the HTML report stands alone", () => {
  const html = readFileSync(at("report.html"), "utf8");
  expect(html).toContain("<th>scheme</th><td>q4_cb</td>");
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).toContain("blk.0.ffn_up.weight");
  expect(html).not.toMatch(/<script|https?:|src=|href=/);
});

test("codebooks are shown with histograms of their use", () => {
  const { codebooks } = json("inspect", at("packed.gguf"), "--codebooks", "--tensor", "blk.0.ffn_up.weight");
  expect(codebooks).toHaveLength(1);
  const [{ tableCount, tableUse, codeUse, groups }] = codebooks;
  const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0);
  expect(tableUse).toHaveLength(tableCount);
  expect(sum(tableUse)).toBe(groups);
  expect(sum(codeUse)).toBe(512 * 256);
});

test("a recipe printed by the program is a recipe that it reads", () => {
  const { stdout } = cli(["recipe", "q4_k_m"]);
  writeFileSync(at("mix.yaml"), stdout);
  const [byName, byFile] = [json("plan", FABLE, "-s", "q4_k_m"), json("plan", FABLE, "-r", at("mix.yaml"))];
  expect(byFile.tensors).toEqual(byName.tensors);
});

test("kernels prints a C header, or writes it", () => {
  const printed = cli(["kernels", "--target", "dotprod", "--type", "q4_cb"]);
  expect(printed).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(/#ifndef[^]*q4_cb[^]*#endif\n$/),
  });
  expect(cli(["kernels", "--target", "dotprod", "--type", "q4_cb", "-o", at("kernels.h")]).stdout).toBe("");
  expect(readFileSync(at("kernels.h"), "utf8")).toBe(printed.stdout);
  expect(cli(["kernels", "--target", "dotprod", "--type", "q4_k"])).toMatchObject({ code: 2, stdout: "" });
});

test("--tables-from takes tables as they are, and a manifest remembers it", () => {
  const args = [FABLE, "-s", "q4_cb", "--tables-from", "nf4", "--verify", "weights"];
  const report = json(...args, "-o", at("nf4.gguf"), "--manifest", at("nf4.json"));
  expect(report.totals.nmse).toBeGreaterThan(0.005);
  expect(report.totals.nmse).toBeLessThan(0.007);
  const [{ tables }] = json("inspect", at("nf4.gguf"), "--codebooks", "--tensor", "output.weight").codebooks;
  expect(tables).toEqual([-127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127]);
  expect(JSON.parse(readFileSync(at("nf4.json"), "utf8")).recipe).toMatchObject({ tablesFrom: "nf4" });
  const refused = cli([FABLE, "-s", "q5_cb", "--tables-from", "nf4", "-o", at("no.gguf")]);
  expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("expected q4_cb") });
});
