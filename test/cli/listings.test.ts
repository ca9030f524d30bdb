import { describe, expect, test } from "vitest";
import { cli, FABLE } from "../support/cli.js";

describe("inspect", () => {
  test("shows metadata with its types, encodings by bytes, and every tensor", () => {
    const { code, stdout, stderr } = cli(["inspect", FABLE]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^general\.architecture +string +"llama"$/m);
    expect(stdout).toMatch(/layer_norm_rms_epsilon +float32 +0\.00001$/m);
    expect(stdout).toMatch(/^tokenizer\.ggml\.tokens +string\[\] .*\(512 in all\)\]$/m);
    expect(stdout).toMatch(/^f16 +16 +1\.44 M +2\.75 MiB +99\.8%$/m);
    expect(stdout).toMatch(/^blk\.1\.ffn_down\.weight +f16 +512 x 256 +262 144 +16 +2639648$/m);
  });

  test("--json says the same to programs", () => {
    const inspection = JSON.parse(cli(["inspect", FABLE, "--json"]).stdout);
    expect(inspection).toMatchObject({
      format: "gguf",
      architecture: "llama",
      fileType: { value: 1, name: "F16", isMisleading: false },
      encodings: [{ codec: "f16", layout: "rows", tensors: 16 }, { codec: "f32" }],
    });
    expect(inspection.tensors).toHaveLength(21);
    expect(inspection.metadata.find(({ key }: { key: string }) => key === "tokenizer.ggml.tokens")).toMatchObject({
      type: "array",
      elementType: "string",
      length: 512,
    });
  });
});

test("plan shows type, layout, size and reason, and its sums agree", () => {
  const plan = JSON.parse(cli(["plan", FABLE, "--scheme", "q4_cb", "--layout", "4x8", "--json"]).stdout);
  const bytes = plan.tensors.reduce(
    (sum: number, t: { byteLength: number; codebookBytes: number }) => sum + t.byteLength + t.codebookBytes,
    0,
  );
  expect(plan).toMatchObject({ scheme: "q4_cb", bytes, fallbacks: 0, warnings: [], threads: expect.any(Number) });
  const find = (name: string) => plan.tensors.find((tensor: { name: string }) => tensor.name === name);
  expect(find("blk.0.ffn_up.weight")).toMatchObject({ codec: "q4_cb", layout: "4x8", byteLength: 512 * 8 * 18 });
  expect(find("token_embd.weight")).toMatchObject({ codec: "q4_cb", layout: "rows" });
  expect(find("output_norm.weight")).toMatchObject({ codec: "f32", from: "f32" });
});

test("--dry-run is plan", () => {
  const args = [FABLE, "--scheme", "q8_0", "--json"];
  expect(cli([...args, "--dry-run"]).stdout).toBe(cli(["plan", ...args]).stdout);
});

test("tables fit 80 columns", () => {
  for (const args of [["plan", FABLE, "-s", "q4_cb", "-l", "4x8"], ["inspect", FABLE], ["schemes"], ["layouts"]]) {
    const { stdout } = cli(args, { env: { COLUMNS: "80" } });
    for (const line of stdout.split("\n")) {
      expect([...line].length, line).toBeLessThanOrEqual(80);
    }
  }
});

test("schemes and layouts are listed for people and programs", () => {
  expect(cli(["schemes"]).stdout).toMatch(/^q4_cb +codebook +4\.5 +32 +no /m);
  expect(JSON.parse(cli(["schemes", "--json"]).stdout).schemes).toContainEqual(
    expect.objectContaining({ name: "q4_0", bitsPerWeight: 4.5, isStock: true }),
  );
  expect(JSON.parse(cli(["layouts", "--json"]).stdout).layouts).toContainEqual(
    expect.objectContaining({ codec: "q4_0", layout: "4x8", rowsPerGroup: 4, features: ["i8mm", "sve256"] }),
  );
});

test("no colours reach a pipe, unless they are asked for", () => {
  expect(cli(["schemes"]).stdout).not.toContain("\u001b");
  expect(cli(["schemes"], { env: { FORCE_COLOR: "1" } }).stdout).toContain("\u001b[1m");
  expect(cli(["schemes"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } }).stdout).not.toContain("\u001b");
  expect(cli(["schemes", "--no-color"], { env: { FORCE_COLOR: "1" } }).stdout).not.toContain("\u001b");
});
