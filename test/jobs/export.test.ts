import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exportModel } from "#dist/src/jobs/export-model.js";
import { isFallback } from "#dist/src/plan/reason.js";
import { planExport } from "#dist/src/plan/plan-export.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import type { Model } from "#dist/src/read/model.js";
import { openModel } from "#dist/src/open/open-model.js";
import { cli, FABLE, temporaryFolderForFile } from "../support/cli.ts";
import { describeModel } from "../support/models.ts";

const folder = temporaryFolderForFile();
const ours = join(folder, "ours.gguf");
const RULES = [
  "attn_q=q8_0",
  "attn_v=q4_0@4x8",
  "ffn_up=q5_cb",
  "ffn_gate=q3_cb2",
  "blk.1.ffn_down=q2_cb",
  "output=keep",
];

/** The stored bytes of a tensor. */
function bytesOf(model: Model, name: string): Buffer {
  const { file, byteOffset, byteLength } = model.tensors.find((tensor) => tensor.name === name)!.extents[0]!;
  return readFileSync(model.files[file]!.path).subarray(byteOffset, byteOffset + byteLength);
}

const codecsOf = (model: Pick<Model, "tensors">) => new Map(model.tensors.map(({ name, codec }) => [name, codec]));

beforeAll(async () => {
  const how = { scheme: "q4_cb", layout: "4x8", tables: 4, effort: "fast", verify: "off" } as const;
  await quantize({ ...how, input: FABLE, output: ours, rules: RULES });
});

test("each codebook tensor becomes the nearest stock type, in rows; all others are copied", async () => {
  const output = join(folder, "stock.gguf");
  const report = await exportModel({ input: ours, output });
  const [before, after] = [await openModel(ours), await openModel(output)];
  expect([...after.metadata.keys()].filter((key) => key.startsWith("quantize.codebook"))).toEqual([]);
  expect(after.metadata.get("general.file_type")).toEqual({ type: "uint32", value: 14 });
  const codecs = codecsOf(after);
  for (const [name, codec] of [
    ["blk.0.ffn_up.weight", "q5_K"],
    ["blk.0.ffn_down.weight", "q4_K"],
    ["token_embd.weight", "q4_K"],
    ["blk.0.ffn_gate.weight", "q3_K"],
    ["blk.1.ffn_down.weight", "q2_K"],
    ["blk.0.attn_q.weight", "q8_0"],
    ["blk.0.attn_v.weight", "q4_0"],
    ["output.weight", "f16"],
  ] as const)
    expect(codecs.get(name), name).toBe(codec);
  expect(after.tensors.every(({ layout }) => layout === "rows")).toBe(true);
  for (const name of ["blk.1.attn_norm.weight", "output.weight"])
    expect(bytesOf(after, name).equals(bytesOf(before, name)), name).toBe(true);
  // Packed rows are put in order again: the bytes of a run without a layout.
  const plain = join(folder, "plain.gguf");
  await quantize({ input: FABLE, output: plain, scheme: "q4_0", pure: true, rules: ["attn_q=q8_0"], verify: "off" });
  const rows = await openModel(plain);
  for (const name of ["blk.0.attn_v.weight", "blk.1.attn_q.weight"])
    expect(bytesOf(after, name).equals(bytesOf(rows, name)), name).toBe(true);
  expect(report).toMatchObject({ scheme: "stock", ruleHits: [], warnings: [expect.stringContaining("a second time")] });
  const tensor = report.tensors.find(({ name }) => name === "blk.0.ffn_up.weight")!;
  expect(tensor).toMatchObject({ from: { codec: "q5_cb" }, to: { codec: "q5_K", layout: "rows" } });
  expect(tensor.quality!.nmse).toBeLessThan(0.002);
});

describe("planned", () => {
  const plan = async (options: Parameters<typeof planExport>[1]) => {
    const { tensors } = planExport(await openModel(ours), options);
    return codecsOf({ tensors: tensors.map(({ tensor, codec }) => ({ ...tensor, codec })) });
  };

  test("one type for all", async () => {
    const codecs = await plan({ to: "IQ4_NL" });
    for (const name of ["ffn_up", "ffn_gate", "ffn_down"]) expect(codecs.get(`blk.1.${name}.weight`)).toBe("iq4_nl");
    expect(codecs.get("blk.1.attn_q.weight")).toBe("q8_0");
  });

  test("a type's name is the type, a mix's name the mix", async () => {
    expect((await plan({ to: "q4_k" })).get("blk.1.ffn_down.weight")).toBe("q4_K");
    const mixed = await plan({ to: "q4_k_m" });
    expect(mixed.get("blk.1.ffn_down.weight")).toBe("q6_K");
    expect(mixed.get("blk.0.ffn_down.weight")).toBe("q4_K");
    expect(mixed.get("blk.0.attn_q.weight")).toBe("q8_0");
    expect(mixed.get("output.weight")).toBe("f16");
  });

  test("rules say the type of single tensors, of ours only", async () => {
    const codecs = await plan({ to: "q4_k", rules: ["blk.0=q6_K"] });
    expect(codecs.get("blk.0.ffn_up.weight")).toBe("q6_K");
    expect(codecs.get("blk.0.attn_q.weight")).toBe("q8_0");
    expect(codecs.get("blk.1.ffn_up.weight")).toBe("q4_K");
  });

  test("rows that do not divide by 256 fall back", () => {
    const model = describeModel({ name: "odd", layers: 1, width: 96, feedForward: 160, heads: 4, valueHeads: 4 });
    const tensors = model.tensors.map((tensor) => (tensor.shape.length > 1 ? { ...tensor, codec: "q5_cb" } : tensor));
    const planned = planExport({ ...model, tensors }).tensors.filter(({ tensor }) => tensor.codec === "q5_cb");
    expect(planned.map(({ codec, reason }) => ({ codec, isFallback: isFallback(reason) }))).toEqual(
      planned.map(() => ({ codec: "q5_1", isFallback: true })),
    );
  });
});

describe("command line", () => {
  test("--export, with the report as JSON, the manifest, and a name of its own", async () => {
    const { code, stdout, stderr } = cli([ours, "--export", "--json", "--manifest", "m.json"], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ output: "ours-stock.gguf", totals: { encodedTensors: 9 } });
    // The manifest's recipe needs no --export.
    const again = cli([ours, "--recipe", "m.json", "-o", "again.gguf", "-q"], { cwd: folder });
    expect(again).toEqual({ code: 0, stdout: "", stderr: "" });
    const [a, b] = [await openModel(join(folder, "ours-stock.gguf")), await openModel(join(folder, "again.gguf"))];
    for (const { name } of a.tensors) expect(bytesOf(a, name).equals(bytesOf(b, name)), name).toBe(true);
  });

  test("plan and --dry-run", () => {
    const { stdout } = cli(["plan", ours, "--export", "iq4_nl"]);
    expect(stdout).toMatch(/^blk\.0\.ffn_up\.weight +q5_cb +iq4_nl .* from q5_cb$/m);
    expect(cli([ours, "--export", "iq4_nl", "--dry-run"]).stdout).toBe(stdout);
  });

  test.each([
    [["--export", "--scheme", "q4_0"], /'--export \[type\]' cannot be used with option '-s, --scheme <name>'/],
    [["--export", "--layout", "4x8"], /cannot be used with option '-l, --layout <name>'/],
    [["--export", "q4_cb"], /expected a type that llama\.cpp knows/],
    [["--export", "iq4_nk"], /did you mean "iq4_nl"/],
    [["--export", "iq3_s"], /read but not written/],
    [["--export", "--tensor", "ffn_up=keep"], /would be q5_cb .*: an export holds stock types in rows/],
  ])("%j is refused", (args, message) => {
    const { code, stderr } = cli([ours, ...args]);
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  test("files without codebooks: what to do instead", () => {
    expect(cli([FABLE, "--export"])).toMatchObject({ code: 2, stderr: expect.stringContaining("with --scheme") });
    expect(cli(["--export", ours])).toMatchObject({ code: 2, stderr: expect.stringContaining("put the model first") });
  });
});
