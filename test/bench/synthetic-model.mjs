/**
 * A model of a chosen size for benchmarks: llama's shapes and names, F16, Gaussian weights with outliers. Always the
 * same bytes for a size.
 *
 *   node test/bench/synthetic-model.mjs <gigabytes> <out.gguf>
 *
 * Weights are cut at changing places from one pool of four million, so that gigabytes take seconds.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { placeInDataSection } from "../../dist/src/read/gguf/gguf-types.js";
import { ggufHeaderBytes } from "../../dist/src/write/gguf-header.js";
import { resolveCodec } from "../../dist/codecs/registry.js";

const ALIGNMENT = 32;
const WIDTH = 2048;
const FEED_FORWARD = 5632;
const HEADS = 32;
const VALUE_HEADS = 4;
const VOCABULARY = 16384;
const POOL = 2 ** 22;
const F16_TYPE = 1;
const F32_TYPE = 0;

/** Names and shapes for a number of layers. */
function tensorShapes(layers) {
  const valueWidth = (WIDTH / HEADS) * VALUE_HEADS;
  const list = [["token_embd.weight", [WIDTH, VOCABULARY]]];
  for (let layer = 0; layer < layers; layer++) {
    const add = (name, ...shape) => list.push([`blk.${layer}.${name}.weight`, shape]);
    add("attn_norm", WIDTH);
    add("attn_q", WIDTH, WIDTH);
    add("attn_k", WIDTH, valueWidth);
    add("attn_v", WIDTH, valueWidth);
    add("attn_output", WIDTH, WIDTH);
    add("ffn_norm", WIDTH);
    add("ffn_gate", WIDTH, FEED_FORWARD);
    add("ffn_up", WIDTH, FEED_FORWARD);
    add("ffn_down", FEED_FORWARD, WIDTH);
  }
  list.push(["output_norm.weight", [WIDTH]], ["output.weight", [WIDTH, VOCABULARY]]);
  return list;
}

const count = (shape) => shape.reduce((product, n) => product * n, 1);

/** Standard deviation 0.02; one weight in a thousand is ten times as large. */
function makePool() {
  let state = 42;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const weights = new Float32Array(POOL);
  for (let i = 0; i < POOL; i += 2) {
    const radius = 0.02 * Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    weights[i] = radius * Math.cos(angle);
    weights[i + 1] = radius * Math.sin(angle) * (uniform() < 0.002 ? 10 : 1);
  }
  const bytes = new Uint8Array(2 * POOL);
  resolveCodec("f16").encode(weights, bytes, { rowLength: POOL });
  return bytes;
}

function metadata(layers) {
  const u32 = (value) => ({ type: "uint32", value });
  // Any text is written in the bytes' tokens.
  const special = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = Array.from({ length: VOCABULARY - 259 }, (_, i) => `\u2581w${i}`);
  const tokens = [...special, ...bytes, ...words];
  const types = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)];
  return new Map([
    ["general.architecture", { type: "string", value: "llama" }],
    ["general.name", { type: "string", value: "synthetic" }],
    ["general.file_type", u32(1)],
    ["llama.block_count", u32(layers)],
    ["llama.context_length", u32(2048)],
    ["llama.embedding_length", u32(WIDTH)],
    ["llama.feed_forward_length", u32(FEED_FORWARD)],
    ["llama.attention.head_count", u32(HEADS)],
    ["llama.attention.head_count_kv", u32(VALUE_HEADS)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "float32", value: Math.fround(1e-5) }],
    ["llama.rope.dimension_count", u32(WIDTH / HEADS)],
    ["llama.vocab_size", u32(VOCABULARY)],
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "array", elementType: "string", values: tokens }],
    ["tokenizer.ggml.scores", { type: "array", elementType: "float32", values: tokens.map((_, i) => -i) }],
    ["tokenizer.ggml.token_type", { type: "array", elementType: "int32", values: types }],
    ["tokenizer.ggml.bos_token_id", u32(1)],
    ["tokenizer.ggml.eos_token_id", u32(2)],
    ["tokenizer.ggml.unknown_token_id", u32(0)],
  ]);
}

/** Writes a model of about that many bytes. Returns its number of weights. */
export function writeSyntheticModel(path, byteLength) {
  const layerBytes = 2 * tensorShapes(1).reduce((sum, [, shape]) => sum + count(shape), 0) - 4 * WIDTH * VOCABULARY;
  const layers = Math.max(1, Math.ceil((byteLength - 4 * WIDTH * VOCABULARY) / layerBytes));
  const tensors = tensorShapes(layers).map(([name, shape]) => {
    const isVector = shape.length === 1;
    return { name, shape, ggmlType: isVector ? F32_TYPE : F16_TYPE, byteLength: count(shape) * (isVector ? 4 : 2) };
  });
  const { offsets } = placeInDataSection(
    tensors.map((tensor) => tensor.byteLength),
    ALIGNMENT,
  );
  const placed = tensors.map((tensor, i) => ({ ...tensor, byteOffset: offsets[i] }));
  const header = ggufHeaderBytes({ metadata: metadata(layers), tensors: placed, alignment: ALIGNMENT });
  const pool = makePool();
  const ones = new Uint8Array(new Float32Array(FEED_FORWARD).fill(1).buffer);
  const fd = openSync(path, "w");
  try {
    writeSync(fd, header, 0, header.length, 0);
    let start = 0;
    for (const { ggmlType, byteLength: bytes, byteOffset } of placed) {
      for (let done = 0; done < bytes;) {
        const source = ggmlType === F16_TYPE ? pool.subarray(start) : ones;
        const length = Math.min(bytes - done, source.length);
        done += writeSync(fd, source, 0, length, header.length + byteOffset + done);
        start = (start + 2 * 1234577) % pool.length;
      }
    }
  } finally {
    closeSync(fd);
  }
  return tensors.reduce((sum, { shape }) => sum + count(shape), 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [gigabytes, path] = process.argv.slice(2);
  console.log(`${path}: ${writeSyntheticModel(path, Number(gigabytes) * 1e9)} weights`);
}
