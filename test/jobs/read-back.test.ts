import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { levelsKey, MANIFEST_KEY, tablesKey } from "#dist/src/container/manifest-keys.js";
import type { ConversionStep, WrittenTensors } from "#dist/src/jobs/conversion-step.js";
import { convertModel } from "#dist/src/jobs/convert-model.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { verify } from "#dist/src/jobs/verify.js";
import type { Progress, RunOptions } from "#dist/src/engine/run-options.js";
import { withEngine } from "#dist/src/engine/start-engine.js";
import { openModel } from "#dist/src/open/open-model.js";
import { readManifest } from "#dist/src/open/read-manifest.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import type { Model } from "#dist/src/read/model.js";
import { FABLE, temporaryFolder } from "../support/cli.ts";
import { writeGguf } from "../support/models.ts";

/** Quantizes the fixture into several files, with steps in between. */
async function convert(
  folder: string,
  steps: readonly ConversionStep[],
  options: RunOptions & { verify?: "off" } = {},
) {
  const run = { ...options, input: FABLE, output: join(folder, "out.gguf"), threads: 2 } as const;
  const plan = (model: Model) => planConversion(model, { scheme: "q4_0", splitMaxBytes: 300_000 });
  return withEngine(run, (engine) => convertModel(run, plan, engine, steps));
}

/** Turns a bit in the temporary file that holds a tensor. */
function damage({ plan, files }: WrittenTensors, name: string): void {
  const { file, byteOffset } = plan.tensors.find(({ tensor }) => tensor.name === name)!;
  const fd = openSync(files[file]!.temporaryPath, "r+");
  const [byte, position] = [Buffer.alloc(1), files[file]!.dataStart + byteOffset + 77];
  readSync(fd, byte, 0, 1, position);
  writeSync(fd, Buffer.of(byte[0]! ^ 4), 0, 1, position);
  closeSync(fd);
}

describe("what was written is read back before it has its name", () => {
  const spoil: ConversionStep = {
    run: async (written) => {
      damage(written, "blk.1.ffn_up.weight");
      return {};
    },
  };

  test("bytes that changed on the way to the disk are found, and nothing is left", async () => {
    const folder = temporaryFolder();
    await expect(convert(folder, [spoil])).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringMatching(/tensor blk\.1\.ffn_up\.weight: wrote bytes of hash \w+, read back \w+$/),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("--verify off does not look", async () => {
    const { output } = await convert(temporaryFolder(), [spoil], { verify: "off" });
    await expect(verify({ input: output, against: FABLE })).rejects.toMatchObject({ code: "damaged" });
  });

  test("it is announced", async () => {
    const phases = new Set<string>();
    const onProgress = ({ phase }: Progress) => void phases.add(phase);
    await convert(temporaryFolder(), [], { onProgress });
    expect([...phases]).toEqual(["open", "plan", "convert", "finish"]);
  });
});

test("steps see the written tensors in turn, and what they say is in manifest and report", async () => {
  const folder = temporaryFolder();
  const seen: string[] = [];
  const first: ConversionStep = {
    manifestDraft: { provenance: { judged: "ten letter" } },
    run: async ({ plan, files, results, codebooks }) => {
      expect([results.length, codebooks.length]).toEqual([plan.tensors.length, plan.tensors.length]);
      // And the journal.
      expect(readdirSync(folder)).toHaveLength(files.length + 1);
      seen.push("first");
      return { manifest: { provenance: { judged: "good" } }, report: { warnings: ["as expected"] } };
    },
  };
  const second: ConversionStep = {
    run: async ({ results }) => {
      seen.push("second");
      return { results: results.map((result) => ({ ...result, seconds: 1 })) };
    },
  };
  const report = await convert(folder, [first, second]);
  expect(seen).toEqual(["first", "second"]);
  expect(report.warnings).toEqual(["as expected"]);
  expect(report.tensors.every(({ seconds }) => seconds === 1)).toBe(true);
  expect((await readManifest(report.output)).provenance).toEqual({ judged: "good" });
});

describe("learned tables and levels", () => {
  const LEARNED = { input: FABLE, scheme: "q4_0", rules: ["blk.0.ffn_up=q4_cb"], tables: 4, effort: "fast" } as const;
  /** Where the elements of an array key begin in the file. */
  const elementsOf = (bytes: Buffer, key: string): number => bytes.indexOf(`${key}`) + key.length + 4 + 4 + 8;

  test.each([
    ["tables", tablesKey],
    ["levels", levelsKey],
  ])("verify finds damaged %s", async (_, keyOf) => {
    const output = join(temporaryFolder(), "out.gguf");
    await quantize({ ...LEARNED, output });
    const bytes = readFileSync(output);
    const start = elementsOf(bytes, keyOf("blk.0.ffn_up.weight"));
    bytes.fill(0, start, start + 64);
    writeFileSync(output, bytes);
    const error = await verify({ input: output, against: FABLE }).catch((e: unknown) => e as Error);
    expect(error).toMatchObject({ code: "damaged", cause: { damaged: ["blk.0.ffn_up.weight"] } });
    expect((error as Error).message).toContain("expected learned tables and levels of hash");
  });

  test("manifests of earlier versions, which do not hash them, are read", async () => {
    const output = join(temporaryFolder(), "out.gguf");
    await quantize({ ...LEARNED, output });
    const manifest = await readManifest(output);
    const older = { ...manifest, tensors: manifest.tensors.map(({ codebookHash: _, ...tensor }) => tensor) };
    const text = (await openModel(output)).metadata.get(MANIFEST_KEY)!;
    const length = Buffer.byteLength((text as { value: string }).value);
    const bytes = readFileSync(output);
    const start = bytes.indexOf(MANIFEST_KEY) + MANIFEST_KEY.length + 4 + 8;
    bytes.write(JSON.stringify(older).padEnd(length), start);
    writeFileSync(output, bytes);
    const report = await verify({ input: output, against: FABLE });
    expect(report.damaged).toEqual([]);
    expect(report.tensors.some((tensor) => tensor.manifestCodebookHash !== undefined)).toBe(false);
  });
});

test("weights whose products overflow give a file that opens, and a warning", async () => {
  const folder = temporaryFolder();
  const [input, output] = [join(folder, "in.gguf"), join(folder, "out.gguf")];
  const weights = new Float32Array(256 * 16).fill(3.3e38);
  const metadata = new Map([["general.architecture", { type: "string", value: "llama" } as const]]);
  writeGguf(input, metadata, [
    { name: "blk.0.attn_q.weight", shape: [256, 16], type: 0, bytes: new Uint8Array(weights.buffer) },
  ]);
  const { tensors, warnings } = await quantize({ input, output, scheme: "q4_cb", tables: 1 });
  expect(tensors[0]!.quality).not.toHaveProperty("kernelError");
  expect(warnings).toEqual(["blk.0.attn_q.weight: products of its weights are beyond the range of f32"]);
  expect((await openModel(output)).tensors[0]).toMatchObject({ codec: "q4_cb" });
  await verify({ input: output, against: input });
});
