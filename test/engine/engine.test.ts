import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveCodec } from "#dist/codecs/registry.js";
import { dequantize } from "#dist/src/jobs/dequantize.js";
import type { Progress } from "#dist/src/engine/run-options.js";
import type { ConversionReport } from "#dist/src/jobs/conversion.types.js";
import { planMemory } from "#dist/src/engine/plan-memory.js";
import { withEngine } from "#dist/src/engine/start-engine.js";
import { runConversion } from "#dist/src/jobs/run-conversion.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import { quantize, type QuantizeOptions } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { pack, unpack } from "#dist/src/jobs/repack.js";
import { verify } from "#dist/src/jobs/verify.js";
import { randomWeights, writeGguf, type GgufTensor } from "../support/models.ts";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
const F16 = 1;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "engine-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);
const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

function f16Tensor(name: string, shape: readonly number[], weights: Float32Array): GgufTensor {
  const bytes = new Uint8Array(2 * weights.length);
  resolveCodec("f16").encode!(weights, bytes, { rowLength: shape[0]! });
  return { name, shape, type: F16, bytes };
}

/** A model of three bands and a part in one tensor, stacked experts, and small tensors between them. */
function writeBandedModel(path: string, spoil?: (weights: Float32Array) => void): void {
  const tensor = (name: string, shape: number[], seed: number): GgufTensor => {
    const weights = randomWeights(
      shape.reduce((product, n) => product * n, 1),
      seed,
      0.05,
    );
    if (name === "blk.0.ffn_up.weight") spoil?.(weights);
    return f16Tensor(name, shape, weights);
  };
  writeGguf(path, new Map([["general.architecture", { type: "string", value: "llama" }]]), [
    tensor("token_embd.weight", [512, 64], 1),
    tensor("blk.0.attn_q.weight", [512, 512], 2),
    tensor("blk.0.ffn_up.weight", [512, 6400], 3),
    tensor("blk.0.ffn_down_exps.weight", [256, 64, 3], 4),
    tensor("blk.1.attn_q.weight", [512, 512], 5),
  ]);
}

const BANDED: Pick<QuantizeOptions, "scheme" | "rules" | "tables"> = {
  scheme: "q4_0",
  rules: ["attn_q=q4_cb@4x8", "exps=q4_cb", "ffn_up=q8_0@4x8"],
  tables: 2,
};

describe("the same file, whoever does the work", () => {
  test("for any number of threads", async () => {
    const input = at("banded.gguf");
    writeBandedModel(input);
    const digests = new Map<number, string>();
    for (const threads of [1, 2, 3, 8]) {
      const output = at(`banded-${threads}.gguf`);
      await quantize({ ...BANDED, input, output, threads });
      digests.set(threads, digest(output));
    }
    expect(new Set(digests.values()).size, [...digests].join("\n")).toBe(1);
  });

  test.each([
    ["q4_0", "4x8"],
    ["q8_0", "rows"],
    ["q4_K", "rows"],
  ])("for both backends: %s %s", async (scheme, layout) => {
    const rules = [`.*=${scheme}@${layout}`];
    const reports: ConversionReport[] = [];
    for (const backend of ["wasm", "scalar"] as const) {
      const output = at(`fable-${scheme}-${backend}.gguf`);
      reports.push(await quantize({ input: FABLE, output, scheme, rules, backend, threads: 2 }));
    }
    const facts = reports.map(({ tensors }) => tensors.map(({ seconds: _, ...rest }) => rest));
    expect(facts[0]).toEqual(facts[1]);
    expect(digest(at(`fable-${scheme}-wasm.gguf`))).toBe(digest(at(`fable-${scheme}-scalar.gguf`)));
  });

  test("for both backends: learned tables", async () => {
    const input = at("tiny.gguf");
    const metadata = new Map([["general.architecture", { type: "string", value: "llama" } as const]]);
    writeGguf(input, metadata, [f16Tensor("blk.0.attn_q.weight", [256, 32], randomWeights(8192, 7, 0.1))]);
    for (const backend of ["wasm", "scalar"] as const) {
      await quantize({ input, output: at(`tiny-${backend}.gguf`), scheme: "q4_cb", tables: 2, backend });
    }
    expect(digest(at("tiny-wasm.gguf"))).toBe(digest(at("tiny-scalar.gguf")));
  });
});

describe("verbs over one engine", () => {
  test("verify finds what the conversion reported, packing changes nothing but the order, unpacking undoes it", async () => {
    const output = at("verbs.gguf");
    const report = await quantize({ input: FABLE, output, scheme: "q4_0", pure: true });
    const found = await verify({ input: output, against: FABLE });
    expect(found.damaged).toEqual([]);
    expect(found.tensors.map(({ name, hash }) => [name, hash])).toEqual(report.tensors.map((t) => [t.name, t.hash]));
    for (const tensor of report.tensors) {
      if (tensor.quality === undefined) continue;
      expect(found.tensors.find(({ name }) => name === tensor.name)!.quality).toEqual(tensor.quality);
    }

    const packed = await pack({ input: output, output: at("packed.gguf"), layout: "4x8" });
    expect(packed.tensors.filter(({ to }) => to.layout === "4x8").length).toBeGreaterThan(10);
    const packedFound = await verify({ input: at("packed.gguf"), against: FABLE });
    expect([packedFound.nmse, packedFound.kernelError]).toEqual([found.nmse, found.kernelError]);

    const unpacked = await unpack({ input: at("packed.gguf"), output: at("unpacked.gguf") });
    expect(unpacked.tensors.map((t) => t.hash)).toEqual(report.tensors.map((t) => t.hash));
  });

  test("dequantizing to f32 keeps the very numbers", async () => {
    await quantize({ input: FABLE, output: at("q5.gguf"), scheme: "q4_cb", tables: 1, effort: "fast" });
    const report = await dequantize({ input: at("q5.gguf"), output: at("q5-f32.gguf"), to: "f32" });
    expect(report.totals.nmse).toBe(0);
    const [blocks, floats] = [
      await verify({ input: at("q5.gguf"), against: FABLE }),
      await verify({ input: at("q5-f32.gguf"), against: FABLE }),
    ];
    expect(floats.nmse).toBe(blocks.nmse);
  });

  test("verify tells damage, and models that do not belong together", async () => {
    const output = at("damaged.gguf");
    await quantize({ input: FABLE, output, scheme: "q8_0" });
    const bytes = readFileSync(output);
    bytes[bytes.length - 100]! ^= 1;
    const { writeFileSync } = await import("node:fs");
    writeFileSync(output, bytes);
    await expect(verify({ input: output, against: FABLE })).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringContaining("expected bytes of hash"),
    });
    await expect(verify({ input: output, against: at("banded.gguf") })).rejects.toMatchObject({ code: "incompatible" });
  });
});

describe("what goes wrong leaves nothing behind", () => {
  const attempt = async (name: string, options: Partial<QuantizeOptions>, input = FABLE) => {
    mkdirSync(at(name));
    const output = join(at(name), "out.gguf");
    const error: unknown = await quantize({ scheme: "q4_0", ...options, input, output }).catch((e: unknown) => e);
    expect(readdirSync(at(name))).toEqual([]);
    return error as Error & { code?: string };
  };

  test.each([NaN, Infinity, -Infinity])("a weight of %d is named by tensor, row and column", async (value) => {
    const input = at(`spoiled-${value}.gguf`);
    writeBandedModel(input, (weights) => {
      weights[512 * 6399 + 17] = value;
    });
    for (const rules of [[], ["ffn_up=q4_cb"]]) {
      const error = await attempt(`spoiled-${value}-${rules.length}`, { rules, tables: 2, threads: 3 }, input);
      expect(error).toMatchObject({ code: "bad-data" });
      expect(error.message).toContain("tensor blk.0.ffn_up.weight");
      expect(error.message).toContain(`row 6399, column 17: expected a finite weight, found ${value}`);
      expect((error.cause as Error).stack).toContain("at notFinite");
      rmSync(at(`spoiled-${value}-${rules.length}`), { recursive: true });
    }
  });

  test.each(["kernels", "off"] as const)("a weight beyond the target's range, verify %s", async (verify) => {
    const input = at("huge.gguf");
    const weights = new Float32Array(256 * 16).fill(1);
    weights[300] = 1e6;
    writeGguf(input, new Map([["general.architecture", { type: "string", value: "llama" }]]), [
      { name: "blk.0.attn_q.weight", shape: [256, 16], type: 0, bytes: new Uint8Array(weights.buffer) },
    ]);
    for (const scheme of ["f16", "q4_0"]) {
      const error = await attempt(`huge-${verify}-${scheme}`, { scheme, verify }, input);
      expect(error.code).toBe("bad-data");
      expect(error.message).toContain(`row 1, column 44: 1000000 is beyond the range of ${scheme}`);
    }
  });

  test("a missed budget", async () => {
    const error = await attempt("budget", { maxNmse: 1e-6 });
    expect(error).toMatchObject({
      code: "budget",
      message: expect.stringMatching(/NMSE .*, at most 0.000001 allowed/),
    });
    expect((error.cause as unknown as ConversionReport).tensors.length).toBe(21);
    expect(await attempt("cosine", { minCosine: 0.9999 })).toMatchObject({ code: "budget" });
  });

  test("an abort while the work goes on", async () => {
    const controller = new AbortController();
    const onProgress = ({ phase, weightsDone }: Progress): void => {
      if (phase === "convert" && weightsDone > 0) controller.abort(new Error("enough"));
    };
    const error = await attempt("abort", { signal: controller.signal, onProgress });
    expect(error.message).toBe("enough");
  });

  test("a file that shrinks after it was opened", async () => {
    const input = at("shrinking.gguf");
    writeBandedModel(input);
    const plan = planConversion(await openModel(input), { scheme: "q4_0" });
    writeGguf(input, new Map(), []);
    mkdirSync(at("shrinking"));
    const run = withEngine({}, (engine) => runConversion(plan, join(at("shrinking"), "out.gguf"), {}, engine));
    await expect(run).rejects.toMatchObject({ code: "io" });
    expect(readdirSync(at("shrinking"))).toEqual([]);
  });

  test("a memory bound that not even one thread fits", async () => {
    expect(await attempt("memory", { maxMemory: 2 ** 20 })).toMatchObject({ code: "no-room" });
  });
});

test("fewer threads run where memory does not suffice for all", async () => {
  const plan = planConversion(await openModel(FABLE), { scheme: "q4_0" });
  const roomy = planMemory(plan, { threads: 16, maxMemory: 2 ** 33 });
  expect(roomy.threads).toBe(16);
  const tight = planMemory(plan, { threads: 16, maxMemory: roomy.peakBytes / 2 });
  expect(tight.threads).toBeGreaterThanOrEqual(1);
  expect(tight.threads).toBeLessThan(16);
  expect(tight.peakBytes).toBeLessThanOrEqual(roomy.peakBytes / 2);
});

test("the bound holds from the start: no thread is started that it leaves no room for", async () => {
  const started = (maxMemory?: number) =>
    withEngine({ threads: 64, ...(maxMemory && { maxMemory }) }, async ({ pool }) => pool.threads);
  expect(await started(300 * 2 ** 20)).toBe(3);
  expect(await started(2 ** 20)).toBe(1);
  expect(await started()).toBe(21);
});

test("progress only grows, and ends with everything done", async () => {
  const seen: Progress[] = [];
  const onProgress = (progress: Progress) => void seen.push(progress);
  await quantize({ input: FABLE, output: at("progress.gguf"), scheme: "q4_0", onProgress });
  expect(seen.slice(0, 2).map(({ phase }) => phase)).toEqual(["open", "plan"]);
  const running = seen.filter(({ phase }) => phase === "convert");
  for (const [i, { weightsDone }] of running.entries()) {
    if (i > 0) expect(weightsDone).toBeGreaterThan(running[i - 1]!.weightsDone);
  }
  const last = running.at(-1)!;
  expect([last.weightsDone, last.tensorsDone]).toEqual([last.weightsTotal, last.tensorsTotal]);
  expect(Math.round(last.bytesDone)).toBe(last.bytesTotal);
});
