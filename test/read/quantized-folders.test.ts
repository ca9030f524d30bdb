import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { rowCount, type Model } from "#dist/src/read/model.js";
import { closeModelFiles, openModelFiles, readTensorRows, storedBytes } from "#dist/src/read/read-tensor.js";
import {
  BLOCK_FORMS,
  FLOAT_FORMS,
  floatFolder,
  HIDDEN,
  INTER,
  quantizedFolder,
  type QuantizedForm,
} from "../support/quantized-folder.ts";
import { temporaryFolder } from "../support/gguf-file.ts";
import type { StoredTensor } from "../support/safetensors-file.ts";
import { readStored, readWeights } from "../support/read-weights.ts";

const DOWN = "model.layers.0.mlp.down_proj";
const QUERY = "model.layers.0.self_attn.q_proj";

/** Where two arrays first differ, and what they have there; undefined when they are the same. */
function difference(found: Uint8Array | Float32Array, expected: Uint8Array | Float32Array): object | undefined {
  if (found.length !== expected.length) return { found: found.length, expected: expected.length };
  const at = found.findIndex((value, i) => !Object.is(value, expected[i]));
  return at < 0 ? undefined : { at, found: found[at], expected: expected[at] };
}

/** Rows of 4 heads in the order of ggml's rotation: row 2i + j of a head from its row j d/2 + i. */
function inRotaryOrder(values: Float32Array): Float32Array {
  const size = 32;
  return Float32Array.from(values, (_, i) => {
    const [row, column] = [Math.floor(i / HIDDEN), i % HIDDEN];
    const [head, within] = [Math.floor(row / size), row % size];
    return values[(head * size + (within % 2) * (size / 2) + (within >> 1)) * HIDDEN + column]!;
  });
}

describe.each(FLOAT_FORMS)("$name", (form) => {
  test("means the values that its pieces stand for, rows in rotary order among them", async () => {
    const { path, values } = quantizedFolder(form);
    const model = await openModel(path);
    expect(model.tensors.find(({ name }) => name === "blk.0.ffn_down.weight")).toMatchObject({
      shape: [INTER, HIDDEN],
      codec: "f32",
    });
    expect(difference(readWeights(model, "blk.0.ffn_down.weight"), values[DOWN]!)).toBeUndefined();
    expect(difference(readWeights(model, "blk.0.attn_q.weight"), inRotaryOrder(values[QUERY]!))).toBeUndefined();
  });

  test("any rows are the same rows", async () => {
    const { path } = quantizedFolder(form);
    const model = await openModel(path);
    for (const name of ["blk.0.ffn_down.weight", "blk.0.attn_q.weight"]) {
      const whole = readStored(model, name);
      const rowBytes = whole.length / HIDDEN;
      for (const [start, end] of [
        [0, 1],
        [63, 66],
        [127, 128],
        [17, 101],
      ] as const) {
        const expected = whole.subarray(start * rowBytes, end * rowBytes);
        expect(difference(readRows(model, name, start, end), expected)).toBeUndefined();
      }
    }
  });

  test("quantized, it is the file of the floats that it means", async () => {
    const { path, values } = quantizedFolder(form);
    const [own, floats] = [temporaryFolder(), temporaryFolder()].map((folder) => join(folder, "out.gguf"));
    const options = { scheme: "q4_K_M", threads: 2, verify: "off", overrideKv: ["general.name=str:same"] } as const;
    await quantize({ input: path, output: own!, ...options });
    await quantize({ input: floatFolder(values), output: floats!, ...options });
    const [a, b] = await Promise.all([openModel(own!), openModel(floats!)]);
    for (const { name } of b.tensors) expect(difference(readStored(a, name), readStored(b, name))).toBeUndefined();
  });
});

function readRows(model: Model, name: string, start: number, end: number): Uint8Array {
  const tensor = model.tensors.find((one) => one.name === name)!;
  const fds = openModelFiles(model.files);
  const out = new Uint8Array(((end - start) * storedBytes(tensor)) / rowCount(tensor.shape));
  readTensorRows(model.files, fds, tensor, start, end, out);
  closeModelFiles(fds);
  return out;
}

describe.each(BLOCK_FORMS)("$name", (form) => {
  const scaleOf = (model: Model, name: string) =>
    form.codec === "nvfp4" ? readWeights(model, `${name}.scale`)[0]! : 1;

  test("its blocks are moved, and its scales are kept beside them", async () => {
    const { path, values } = quantizedFolder(form);
    const model = await openModel(path);
    expect(model.tensors.find(({ name }) => name === "blk.0.ffn_down.weight")).toMatchObject({
      shape: [INTER, HIDDEN],
      codec: form.codec,
    });
    const [down, query] = [readWeights(model, "blk.0.ffn_down.weight"), readWeights(model, "blk.0.attn_q.weight")];
    const [downScale, queryScale] = [scaleOf(model, "blk.0.ffn_down"), scaleOf(model, "blk.0.attn_q")];
    expect(
      difference(
        down.map((value) => value * downScale),
        values[DOWN]!,
      ),
    ).toBeUndefined();
    expect(
      difference(
        query.map((value) => value * queryScale),
        inRotaryOrder(values[QUERY]!),
      ),
    ).toBeUndefined();
    if (form.codec === "nvfp4") expect([...readWeights(model, "blk.0.attn_q.input_scale")]).toEqual([0.25]);
  });

  test("a scheme of floats leaves them as they are, unless it is told to encode them anew", async () => {
    const { path } = quantizedFolder(form);
    const output = join(temporaryFolder(), "out.gguf");
    await quantize({ input: path, output, scheme: "f16", threads: 1, verify: "off" });
    const [source, moved] = [await openModel(path), await openModel(output)];
    expect(moved.tensors.find(({ name }) => name === "blk.0.ffn_down.weight")!.codec).toBe(form.codec);
    const stored = [moved, source].map((model) => readStored(model, "blk.0.ffn_down.weight"));
    expect(difference(stored[0]!, stored[1]!)).toBeUndefined();
    const fileType = form.codec === "nvfp4" ? 39 : 38;
    expect(moved.metadata.get("general.file_type")).toEqual({ type: "uint32", value: fileType });
    await quantize({
      ...{ input: path, output, scheme: "f32", threads: 1, verify: "off" },
      ...{ force: true, allowRequantize: true },
    });
    const floats = await openModel(output);
    const weights = [floats, source].map((model) => readWeights(model, "blk.0.ffn_down.weight"));
    expect(difference(weights[0]!, weights[1]!)).toBeUndefined();
    expect(floats.metadata.get("general.file_type")).toEqual({ type: "uint32", value: 0 });
  });
});

const [FP8, , , , PACKED, , GPTQ] = FLOAT_FORMS as readonly QuantizedForm[];
const [NVFP4] = BLOCK_FORMS;
const NESTED = FLOAT_FORMS[10]!;

/** A folder with one stored tensor changed, or (undefined) gone. */
const faulty = (form: QuantizedForm, name: string, change?: (tensor: StoredTensor) => StoredTensor) =>
  quantizedFolder(form, (tensors) => {
    if (change === undefined) delete tensors[name];
    else tensors[name] = change(tensors[name]!);
  }).path;

const withSettings = (form: QuantizedForm, settings: object) => quantizedFolder({ ...form, settings }).path;

const INTEGERS: QuantizedForm = {
  name: "integers",
  make: (rows, columns) => ({
    pieces: { ".weight": { dtype: "I32", shape: [rows, columns], data: new Int32Array(rows * columns) } },
    values: new Float32Array(0),
  }),
};

/** The first half of a tensor. */
const cut = ({ dtype, data, shape }: StoredTensor): StoredTensor => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return { dtype, data: bytes, shape: [shape[0]! / 2, ...shape.slice(1)] };
};

/** A folder whose index names a file that is not there. */
function missingShard(): string {
  const { path } = quantizedFolder(FP8!);
  const weight_map = { "model.norm.weight": "model-00001-of-00002.safetensors" };
  writeFileSync(join(path, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  return path;
}

test.each<[string, () => string, string, RegExp]>([
  ["a missing shard", missingShard, "io", /model-00001-of-00002.safetensors/],
  [
    "a method that nobody knows",
    () => withSettings(FP8!, { quant_method: "hqq" }),
    "unsupported",
    /config.json: the weights are quantized in a way that is not read \(hqq\)/,
  ],
  [
    "a marker beside a config without one",
    () =>
      quantizedFolder({ ...GPTQ!, settings: undefined, files: { "quant_config.json": { quant_method: "spqr" } } }).path,
    "unsupported",
    /quant_config.json: .*\(spqr\)/,
  ],
  [
    "bits that do not divide a word",
    () => withSettings(GPTQ!, { quant_method: "gptq", bits: 3, group_size: 32 }),
    "unsupported",
    /3 bits are not read/,
  ],
  [
    "settings that are none",
    () => withSettings(GPTQ!, { quant_method: "gptq", bits: "four" }),
    "bad-format",
    /config.json: key "bits": expected a whole number, found "four"/,
  ],
  [
    "FP8 without scales",
    () => faulty(FP8!, `${DOWN}.weight_scale_inv`),
    "bad-format",
    /down_proj.weight": expected scales/,
  ],
  [
    "too few scales",
    () => faulty(FP8!, `${DOWN}.weight_scale_inv`, cut),
    "bad-format",
    /down_proj.weight": expected 4 scales for \[128, 192\], found \[1, 2\] in .*down_proj.weight_scale_inv"/,
  ],
  [
    "packed integers without scales",
    () => faulty(PACKED!, `${QUERY}.weight_scale`),
    "bad-format",
    /q_proj.weight_packed": .*weight_scale is missing/,
  ],
  [
    "zeros of another shape",
    () => faulty(GPTQ!, `${QUERY}.qzeros`, cut),
    "bad-format",
    /q_proj.qzeros": expected \[4, 16\], found \[2, 16\]/,
  ],
  [
    "a group that is not there",
    () => faulty(GPTQ!, `${QUERY}.g_idx`, (one) => ({ ...one, data: new Int32Array(128).fill(4) })),
    "bad-format",
    /q_proj.g_idx": expected groups from 0 to 3, found 4/,
  ],
  [
    "blocks without their scales",
    () => faulty(NVFP4!, `${QUERY}.weight_scale`),
    "bad-format",
    /q_proj.weight": its scales are missing/,
  ],
  [
    "fewer scales than blocks",
    () => faulty(NVFP4!, `${QUERY}.weight_scale`, cut),
    "bad-format",
    /q_proj.weight": expected scales for 256 blocks of \[128, 64\], found \[64, 8\]/,
  ],
  [
    "a state that is no JSON",
    () =>
      faulty(NESTED, `${QUERY}.weight.quant_state.bitsandbytes__nf4`, (one) => ({
        ...one,
        data: new Uint8Array(one.data.byteLength),
      })),
    "bad-format",
    /quant_state.bitsandbytes__nf4": expected JSON/,
  ],
  [
    "scales without their own",
    () => faulty(NESTED, `${QUERY}.weight.nested_absmax`),
    "bad-format",
    /q_proj.weight.nested_absmax is missing/,
  ],
  [
    "integers where weights belong",
    () => quantizedFolder(INTEGERS).path,
    "unsupported",
    /q_proj.weight": expected weights, found integers \(i32\) without scales/,
  ],
  [
    "a tensor of another width",
    () => faulty(FP8!, "model.layers.0.input_layernorm.weight", cut),
    "bad-format",
    /"blk.0.attn_norm.weight": expected a width of 128 \(embedding_length\), found \[64\]/,
  ],
])("%s is one clear line, and nothing is written", async (_, make, code, message) => {
  const input = make();
  const folder = temporaryFolder();
  const output = join(folder, "out.gguf");
  const error = await quantize({ input, output, scheme: "q8_0", threads: 1 }).catch((error: unknown) => error);
  expect(error).toMatchObject({ name: "QuantizeError", code });
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).not.toContain("\n");
  expect(readdirSync(folder)).toEqual([]);
});
