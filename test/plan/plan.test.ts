import { describe, expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import type { Plan, PlanOptions, TensorPlan } from "#dist/src/plan/plan.js";
import { isFallback, reasonText } from "#dist/src/plan/reason.js";
import { outputPaths } from "#dist/src/plan/split-outputs.js";
import { inOutputOrder } from "#dist/src/plan/tensor-order.js";
import type { Model, Tensor } from "#dist/src/read/model.js";
import { describeModel, type ModelShape } from "../support/models.ts";

const STORIES: ModelShape = { name: "stories", layers: 2, width: 64, feedForward: 172, heads: 8, valueHeads: 4 };
const LLAMA: ModelShape = { name: "llama", layers: 16, width: 256, feedForward: 512, heads: 8, valueHeads: 2 };
const stories = describeModel(STORIES);
const llama = describeModel(LLAMA);

/** A planned tensor with its reason in words. */
const inWords = (planned: TensorPlan) => ({
  ...{ ...planned, reason: reasonText(planned.reason), isFallback: isFallback(planned.reason) },
});
const find = (plan: Plan, name: string) => inWords(plan.tensors.find((t) => t.tensor.name === `${name}.weight`)!);
const codecOf = (model: Model, options: PlanOptions, name: string) => find(planConversion(model, options), name).codec;
const withTensors = (model: Model, change: (tensor: Tensor) => Partial<Tensor>): Model => ({
  ...model,
  tensors: model.tensors.map((tensor) => ({ ...tensor, ...change(tensor) })),
});

function failure(run: () => unknown): QuantizeError {
  try {
    run();
  } catch (error) {
    if (error instanceof QuantizeError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

describe("places", () => {
  test("tensors come by layer, then by name, and follow each other at aligned offsets", () => {
    const plan = planConversion(stories, { scheme: "f32" });
    expect(plan.tensors.slice(0, 4).map((t) => t.tensor.name)).toEqual([
      "output.weight",
      "output_norm.weight",
      "token_embd.weight",
      "blk.0.attn_k.weight",
    ]);
    let offset = 0;
    for (const tensor of plan.tensors) {
      expect(tensor.byteOffset).toBe(offset);
      offset += Math.ceil(tensor.byteLength / 32) * 32;
    }
  });
  test("layers are ordered by number, not by letters", () => {
    const names = ["blk.10.a", "blk.9.b", "blk.9.a", "token_embd.weight", "blk.x"].map((name) => ({ name }));
    expect(inOutputOrder(names).map((t) => t.name)).toEqual([
      ...["blk.x", "token_embd.weight", "blk.9.a", "blk.9.b", "blk.10.a"],
    ]);
  });
  test("the source's alignment is kept and honoured", () => {
    const metadata = new Map(stories.metadata).set("general.alignment", { type: "uint32", value: 128 });
    const plan = planConversion({ ...stories, metadata }, { scheme: "q8_0" });
    expect(plan.alignment).toBe(128);
    expect(plan.tensors.every((t) => t.byteOffset % 128 === 0)).toBe(true);
    const override = planConversion(stories, { scheme: "q8_0", overrideKv: ["general.alignment=int:64"] });
    expect(override.alignment).toBe(64);
    for (const value of ["48", "4", "0", "1048576"])
      expect(
        failure(() => planConversion(stories, { scheme: "q8_0", overrideKv: [`general.alignment=int:${value}`] })).code,
      ).toBe("usage");
  });
  test("an output may have several files", () => {
    const whole = planConversion(llama, { scheme: "q8_0" });
    const plan = planConversion(llama, { scheme: "q8_0", splitMaxBytes: 300_000 });
    expect(plan.tensors.map((t) => t.tensor.name)).toEqual(whole.tensors.map((t) => t.tensor.name));
    expect(plan.tensors.map((t) => t.file)).toEqual(plan.tensors.map((t) => t.file).toSorted((a, b) => a - b));
    expect(plan.fileCount).toBe(plan.tensors.at(-1)!.file + 1);
    for (let file = 0; file < plan.fileCount; file++) {
      const own = plan.tensors.filter((t) => t.file === file);
      expect(own[0]!.byteOffset).toBe(0);
      const end = own.at(-1)!.byteOffset + own.at(-1)!.byteLength;
      expect(own.length === 1 || end <= 300_000).toBe(true);
    }
    expect(outputPaths("a/b.gguf", 2)).toEqual(["a/b-00001-of-00002.gguf", "a/b-00002-of-00002.gguf"]);
    expect(outputPaths("a/b.gguf", 1)).toEqual(["a/b.gguf"]);
    expect(failure(() => planConversion(llama, { scheme: "q8_0", splitMaxBytes: 9, keepSplit: true })).code).toBe(
      "usage",
    );
  });
  test("the input's split can be kept", () => {
    const files = [0, 1, 2].map((i) => ({ path: `${i}.gguf`, byteLength: 1e9 }));
    let index = 0;
    const model = withTensors({ ...llama, files }, ({ extents }) => {
      return { extents: [{ ...extents[0]!, file: Math.floor(index++ / 60) }] };
    });
    const plan = planConversion(model, { scheme: "q8_0", keepSplit: true });
    expect(plan.fileCount).toBe(3);
    expect(plan.tensors.map((t) => t.tensor.name)).toEqual(model.tensors.map((t) => t.name));
  });
});

describe("what is quantized", () => {
  test.each([
    ["blk.0.ffn_norm.weight", [64, 4], "kept: norm"],
    ["blk.0.ffn_gate_inp.weight", [64, 4], "kept: expert router"],
    ["blk.0.attn_q.bias", [64, 4], "kept: not a weight"],
    ["blk.0.attn_q.weight", [64], "kept: vector"],
    ["blk.0.attn_q.weight", [64, 1], "kept: vector"],
    ["position_embd.weight", [64, 64], "kept: positions"],
    ["token_types.weight", [64, 2], "kept: token types"],
    ["blk.0.ssm_conv1d.weight", [4, 64], "kept: convolution"],
    ["blk.0.time_mix_lerp_fused.weight", [64, 1, 1, 5], "kept: time mix"],
    ["v.patch_embd.weight", [14, 14, 3, 64], "kept: image patches"],
    ["blk.0.attn_q.weight", [64, 4], "scheme"],
    ["blk.0.ffn_up_exps.weight", [64, 4, 8], "scheme"],
  ])("%s of %j: %s", (name, shape, reason) => {
    const byteLength = 2 * shape.reduce((a, b) => a * b, 1);
    const tensor = { name, shape, codec: "f16", layout: "rows", extents: [{ file: 0, byteOffset: 0, byteLength }] };
    const [planned] = planConversion({ ...stories, tensors: [tensor] }, { scheme: "q8_0" }).tensors;
    expect(inWords(planned!)).toMatchObject({ reason, codec: reason === "scheme" ? "q8_0" : "f16" });
  });
  test("small tensors of a safetensors model become f32", () => {
    const model = withTensors({ ...stories, format: "safetensors" }, () => ({ codec: "bf16" }));
    expect(codecOf(model, { scheme: "f16" }, "blk.0.attn_norm")).toBe("f32");
    expect(codecOf(model, { scheme: "f16" }, "blk.0.attn_q")).toBe("f16");
  });
  test("types that GGUF has no number for are never kept", () => {
    const model = withTensors(stories, () => ({ codec: "f8_e4m3" }));
    expect(codecOf(model, { scheme: "q8_0", onIncompatible: "keep" }, "blk.0.ffn_down")).toBe("f16");
    expect(codecOf(model, { scheme: "copy" }, "blk.0.attn_q")).toBe("f16");
  });
  test("what is quantized already is refused, unless allowed or copied", () => {
    const quantized = (tensor: Tensor) => (tensor.shape.length === 2 && tensor.shape[0] === 64 ? "q8_0" : tensor.codec);
    const model = withTensors(stories, (tensor) => ({ codec: quantized(tensor) }));
    const error = failure(() => planConversion(model, { scheme: "q4_0" }));
    expect(error.code).toBe("unsupported");
    expect(error.message).toMatch(/"token_embd\.weight" is already quantized \(q8_0\).*--allow-requantize/);
    expect(codecOf(model, { scheme: "q4_0", allowRequantize: true, pure: true }, "blk.0.attn_q")).toBe("q4_0");
    expect(find(planConversion(model, { scheme: "q8_0" }), "blk.0.attn_q").codec).toBe("q8_0");
    expect(codecOf(model, { scheme: "copy" }, "blk.0.attn_q")).toBe("q8_0");
  });
});

describe("shapes that do not suit", () => {
  test.each([
    ["q4_0", "f16", 32],
    ["q8_0", "f16", 32],
    ["iq4_nl", "f16", 32],
    ["q4_cb", "f16", 32],
    ["q4_k_m", "f16", 256],
  ])("%s on rows of 172 falls back to %s and says so", (scheme, codec, blockSize) => {
    const down = find(planConversion(stories, { scheme }), "blk.0.ffn_down");
    expect(down).toMatchObject({ codec, isFallback: true });
    expect(down.reason).toContain(`fallback: rows of 172 do not divide by ${blockSize}`);
  });
  test.each([
    ["q2_K", "q4_0"],
    ["q3_K", "q4_0"],
    ["q4_K", "q5_0"],
    ["q5_K", "q5_1"],
    ["q6_K", "q8_0"],
    ["iq4_xs", "iq4_nl"],
    ["tq2_0", "q4_0"],
    ["q4_cb_g64", "q4_cb"],
  ])("%s on rows of 2688 + 32 falls back to %s", (type, codec) => {
    const model = describeModel({ ...STORIES, feedForward: 2720 });
    expect(codecOf(model, { scheme: "f16", rules: [`ffn_down=${type}`] }, "blk.0.ffn_down")).toBe(codec);
  });
  test("can be refused or kept", () => {
    const error = failure(() => planConversion(stories, { scheme: "q8_0", onIncompatible: "error" }));
    expect(error.code).toBe("incompatible");
    expect(error.message).toMatch(/^2 of \d+ tensors .* blk\.0\.ffn_down\.weight \(rows of 172 do not divide by 32/);
    const f32 = describeModel({ ...STORIES, codec: "f32" });
    const kept = find(planConversion(f32, { scheme: "q8_0", onIncompatible: "keep" }), "blk.0.ffn_down");
    expect(kept).toMatchObject({ codec: "f32", isFallback: true });
  });
  test("a layout needs whole groups of rows, and never holds embeddings", () => {
    const plan = planConversion(describeModel({ ...STORIES, feedForward: 170 + 8 }), {
      scheme: "q4_0",
      layout: "4x8",
      pure: true,
    });
    expect(find(plan, "blk.0.ffn_up")).toMatchObject({
      layout: "rows",
      isFallback: true,
      reason: "rows: 178 rows do not divide by 4",
    });
    expect(find(plan, "blk.0.attn_q")).toMatchObject({ layout: "4x8", isFallback: false });
    expect(find(plan, "token_embd")).toMatchObject({ layout: "rows", isFallback: false });
    expect(find(plan, "blk.0.attn_norm")).toMatchObject({ layout: "rows", isFallback: false });
    const five = planConversion(stories, { scheme: "q5_0", layout: "4x8", pure: true });
    expect(find(five, "blk.0.attn_q")).toMatchObject({ layout: "rows", reason: "rows: q5_0 does not come in 4x8" });
  });
});

describe("metadata", () => {
  const value = (plan: Plan, key: string) => plan.metadata.get(key);
  test("file type and version are the output's, keys keep their order and types", () => {
    const plan = planConversion(llama, { scheme: "q4_k_m" });
    expect(value(plan, "general.file_type")).toEqual({ type: "uint32", value: 15 });
    expect(value(plan, "general.quantization_version")).toEqual({ type: "uint32", value: 2 });
    expect([...plan.metadata.keys()].slice(0, -1)).toEqual([...llama.metadata.keys()]);
    expect(value(planConversion(llama, { scheme: "q4_cb" }), "general.file_type")).toBeUndefined();
    expect(value(planConversion(llama, { scheme: "f32" }), "general.file_type")).toMatchObject({ value: 0 });
    expect(value(planConversion(llama, { scheme: "copy" }), "general.file_type")).toMatchObject({ value: 1 });
  });
  test.each([
    ["a=int:7", { type: "uint32", value: 7 }],
    ["a=int:-7", { type: "int32", value: -7 }],
    ["a=int:5000000000", { type: "uint64", value: 5000000000n }],
    ["a=float:0.5", { type: "float32", value: 0.5 }],
    ["a=bool:true", { type: "bool", value: true }],
    ["a=str:b=c:d", { type: "string", value: "b=c:d" }],
  ])("%s is set", (text, expected) => {
    expect(value(planConversion(llama, { scheme: "q8_0", overrideKv: [text] }), "a")).toEqual(expected);
  });
  test.each(["a", "a=7", "a=int:x", "a=bool:1", "a=float:", "=int:1", "a=double:1"])("%s is refused", (text) => {
    expect(failure(() => planConversion(llama, { scheme: "q8_0", overrideKv: [text] })).code).toBe("usage");
  });
});

describe("tables", () => {
  test.each([
    [256, 256, 16],
    [1024, 1024, 256],
    [64, 64, 1],
  ])("a %i x %i tensor takes %i tables: less than 1% of its bytes", (width, vocabulary, tables) => {
    const model = describeModel({ ...STORIES, width, feedForward: width, vocabulary });
    const planned = find(planConversion(model, { scheme: "q4_cb" }), "blk.0.attn_q");
    expect(planned.tables).toBe(tables);
    expect(tables === 1 || tables * 16 < planned.byteLength / 100).toBe(true);
  });
  test("are counted per expert", () => {
    const model = describeModel({ ...STORIES, width: 256, feedForward: 256, experts: 4 });
    expect(find(planConversion(model, { scheme: "q4_cb" }), "blk.0.ffn_up_exps").tables).toBe(16);
  });
  test("can be asked for", () => {
    expect(find(planConversion(stories, { scheme: "q4_cb", tables: 64 }), "blk.0.attn_q").tables).toBe(64);
    for (const tables of [0, 257, 1.5])
      expect(failure(() => planConversion(stories, { scheme: "q4_cb", tables })).code).toBe("usage");
  });
});

describe("mixes", () => {
  const layersOf = (codec: string, part: string, options: PlanOptions, model = llama) =>
    planConversion(model, options)
      .tensors.filter((t) => t.tensor.name.includes(part) && t.codec === codec)
      .map((t) => Number(t.tensor.name.split(".")[1]));
  test("q4_k_m gives more bits to values and ffn_down of some layers", () => {
    // 16 layers: the first two, the last two, and every third between.
    const expected = [0, 1, 4, 7, 10, 13, 14, 15];
    expect(layersOf("q6_K", "ffn_down", { scheme: "q4_k_m" })).toEqual(expected);
    expect(layersOf("q6_K", "attn_v", { scheme: "Q4_K" })).toEqual(expected);
    expect(layersOf("q6_K", "attn_v", { scheme: "q4_k_m", pure: true })).toEqual([]);
  });
  test("counts pass over tensors that rules decided, as in llama.cpp", () => {
    const options = { scheme: "q3_k_m", rules: ["blk\\.0\\.attn_v=q8_0"] };
    expect(layersOf("q5_K", "attn_v", options)).toEqual([1, 2]);
  });
  test("eight experts take their attention at 8 bits, and the layer from the name", () => {
    const model = describeModel({ ...LLAMA, experts: 8 });
    expect(layersOf("q8_0", "attn_v", { scheme: "q4_0" }, model)).toHaveLength(16);
    expect(layersOf("q5_K", "attn_output", { scheme: "q4_k_m" }, model)).toHaveLength(16);
    expect(layersOf("q6_K", "ffn_down_exps", { scheme: "q4_k_m" }, model)).toEqual([0, 1, 4, 7, 10, 13, 14, 15]);
  });
  test("a tied embedding is the output", () => {
    const model = describeModel({ ...LLAMA, isTied: true });
    expect(codecOf(model, { scheme: "q4_0" }, "token_embd")).toBe("q6_K");
    expect(codecOf(model, { scheme: "q4_0", outputType: "q8_0" }, "token_embd")).toBe("q8_0");
    expect(codecOf(model, { scheme: "q4_0", outputType: "q8_0", embeddingType: "q5_0" }, "token_embd")).toBe("q5_0");
    expect(codecOf(llama, { scheme: "q4_0" }, "token_embd")).toBe("q4_0");
  });
  test("q2_k_s asks for importance", () => {
    expect(failure(() => planConversion(llama, { scheme: "q2_k_s" })).message).toMatch(/needs an importance matrix/);
  });
});
