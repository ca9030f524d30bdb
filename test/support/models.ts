/** Small models for tests: what a file says of itself from a few numbers, and seeded weights. */
import { writeFileSync } from "node:fs";
import { resolveCodec } from "#dist/codecs/registry.js";
import type { Metadata, MetadataScalar, MetadataType, MetadataValue, Model, Tensor } from "#dist/src/read/model.js";

export interface ModelShape {
  readonly name: string;
  readonly architecture?: string;
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly valueHeads: number;
  /** At least 259: three special tokens and one for each byte. */
  readonly vocabulary?: number;
  /** Rows of the embedding and the output, when not as many as the vocabulary has tokens. */
  readonly rows?: number;
  /** Stacked experts; a token uses two of them. */
  readonly experts?: number;
  /** No `output.weight`. */
  readonly isTied?: boolean;
  /** Queries, keys and values in one tensor, as in falcon and phi. */
  readonly isFused?: boolean;
  /** Elements of a head, when not `width / heads`. */
  readonly headLength?: number;
  /** Projections that have biases: `attn_q`, ... */
  readonly biases?: readonly string[];
  /** A norm for each head of queries and keys. */
  readonly hasHeadNorms?: boolean;
  /** Divisors of the rotary frequencies, as Llama 3 has them. */
  readonly hasRopeFactors?: boolean;
  /** Norm weights that are not all ones. */
  readonly hasUnevenNorms?: boolean;
  /** Further keys, under the architecture's name; numbers are f32 but for lengths, counts and windows. */
  readonly keys?: Readonly<Record<string, number | string>>;
  /** Only these layers have tensors: enough for a quantizer, and small with many layers. */
  readonly presentLayers?: readonly number[];
  /** Type of the matrices; vectors are f32. */
  readonly codec?: "f32" | "f16" | "bf16";
}

const BYTES = { f32: 4, f16: 2, bf16: 2 } as const;
const DEFAULT_VOCABULARY = 288;

/** Names and shapes of all tensors, in the order in which converters write them. */
export function tensorShapes(shape: ModelShape): [name: string, shape: number[]][] {
  const { width, feedForward, heads, valueHeads, experts = 0 } = shape;
  const vocabulary = shape.rows ?? shape.vocabulary ?? DEFAULT_VOCABULARY;
  const headLength = shape.headLength ?? width / heads;
  const queryWidth = headLength * heads;
  const valueWidth = headLength * valueHeads;
  const list: [string, number[]][] = [["token_embd.weight", [width, vocabulary]]];
  for (const i of shape.presentLayers ?? Array.from({ length: shape.layers }, (_, index) => index)) {
    const layer = (name: string, ...dims: number[]) => {
      list.push([`blk.${i}.${name}.weight`, dims]);
      if (shape.biases?.includes(name)) list.push([`blk.${i}.${name}.bias`, [dims[1]!]]);
    };
    layer("attn_norm", width);
    if (shape.isFused) layer("attn_qkv", width, width + 2 * valueWidth);
    else {
      layer("attn_q", width, queryWidth);
      layer("attn_k", width, valueWidth);
      layer("attn_v", width, valueWidth);
    }
    if (shape.hasHeadNorms) {
      layer("attn_q_norm", headLength);
      layer("attn_k_norm", headLength);
    }
    layer("attn_output", queryWidth, width);
    layer("ffn_norm", width);
    if (experts > 0) {
      layer("ffn_gate_inp", width, experts);
      layer("ffn_gate_exps", width, feedForward, experts);
      layer("ffn_up_exps", width, feedForward, experts);
      layer("ffn_down_exps", feedForward, width, experts);
    } else {
      layer("ffn_gate", width, feedForward);
      layer("ffn_up", width, feedForward);
      layer("ffn_down", feedForward, width);
    }
  }
  if (shape.hasRopeFactors) list.push(["rope_freqs.weight", [headLength / 2]]);
  list.push(["output_norm.weight", [width]]);
  if (!shape.isTied) list.push(["output.weight", [width, vocabulary]]);
  return list;
}

/** A vocabulary of SentencePiece's kind: three special tokens, all bytes, then invented words. */
function vocabularyMetadata(count: number): [string, MetadataValue][] {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const special = ["<unk>", "<s>", "</s>"];
  const words = Array.from({ length: count - 259 }, (_, i) => `\u2581w${i}`);
  const types = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)];
  const scores = types.map((_, i) => (i < 259 ? 0 : -i));
  return [
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "array", elementType: "string", values: [...special, ...bytes, ...words] }],
    ["tokenizer.ggml.scores", { type: "array", elementType: "float32", values: scores }],
    ["tokenizer.ggml.token_type", { type: "array", elementType: "int32", values: types }],
    ["tokenizer.ggml.bos_token_id", { type: "uint32", value: 1 }],
    ["tokenizer.ggml.eos_token_id", { type: "uint32", value: 2 }],
    ["tokenizer.ggml.unknown_token_id", { type: "uint32", value: 0 }],
  ];
}

/** The metadata that llama.cpp needs to load such a model. */
export function modelMetadata(shape: ModelShape): Metadata {
  const architecture = shape.architecture ?? "llama";
  const vocabulary = shape.vocabulary ?? DEFAULT_VOCABULARY;
  const metadata: Metadata = new Map();
  const u32 = (key: string, value: number) => metadata.set(`${architecture}.${key}`, { type: "uint32", value });
  metadata.set("general.architecture", { type: "string", value: architecture });
  metadata.set("general.name", { type: "string", value: shape.name });
  metadata.set("general.file_type", { type: "uint32", value: { f32: 0, f16: 1, bf16: 32 }[shape.codec ?? "f16"] });
  u32("context_length", 256);
  u32("embedding_length", shape.width);
  u32("block_count", shape.layers);
  u32("feed_forward_length", shape.feedForward);
  u32("attention.head_count", shape.heads);
  u32("attention.head_count_kv", shape.valueHeads);
  const headLength = shape.headLength ?? shape.width / shape.heads;
  u32("rope.dimension_count", headLength);
  if (shape.headLength !== undefined) {
    u32("attention.key_length", headLength);
    u32("attention.value_length", headLength);
  }
  u32("vocab_size", vocabulary);
  for (const key of ["layer_norm_rms_epsilon", "layer_norm_epsilon"])
    metadata.set(`${architecture}.attention.${key}`, { type: "float32", value: Math.fround(1e-5) });
  if (shape.experts !== undefined) {
    u32("expert_count", shape.experts);
    u32("expert_used_count", 2);
    u32("expert_feed_forward_length", shape.feedForward);
  }
  for (const [key, value] of Object.entries(shape.keys ?? {})) {
    const isCount = /(length|count|window)$/.test(key);
    const type = typeof value === "string" ? "string" : isCount ? "uint32" : "float32";
    metadata.set(`${architecture}.${key}`, { type, value: type === "float32" ? Math.fround(Number(value)) : value });
  }
  for (const [key, value] of vocabularyMetadata(vocabulary)) metadata.set(key, value);
  return metadata;
}

/** A model in memory whose file does not exist: enough for plans. */
export function describeModel(shape: ModelShape): Model {
  let byteOffset = 0;
  const tensors = tensorShapes(shape).map(([name, dims]): Tensor => {
    const codec = dims.length === 1 ? "f32" : (shape.codec ?? "f16");
    const byteLength = BYTES[codec] * dims.reduce((product, n) => product * n, 1);
    const extents = [{ file: 0, byteOffset, byteLength }];
    byteOffset += Math.ceil(byteLength / 32) * 32;
    return { name, shape: dims, codec, layout: "rows", extents };
  });
  const path = `${shape.name}.gguf`;
  return { path, format: "gguf", files: [{ path, byteLength: byteOffset }], metadata: modelMetadata(shape), tensors };
}

/** Random numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Weights of a trained tensor's kind: bell-shaped around zero, an outlier here and there. */
export function randomWeights(count: number, seed: number, scale: number): Float32Array {
  const random = randomNumbers(seed);
  return Float32Array.from({ length: count }, () => {
    const bell = random() + random() + random() + random() - 2;
    return bell * scale * (random() < 0.002 ? 8 : 1.7);
  });
}

const TYPE_NUMBERS: Record<MetadataType, number> = {
  ...{ uint8: 0, int8: 1, uint16: 2, int16: 3, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 },
  ...{ uint64: 10, int64: 11, float64: 12 },
};
const GGML_TYPES = { f32: 0, f16: 1, bf16: 30 } as const;

/** A growing byte buffer with the few writes that GGUF needs. */
class Bytes {
  readonly parts: Buffer[] = [];
  length = 0;
  push(bytes: Buffer): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }
  u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    this.push(bytes);
  }
  u64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.push(bytes);
  }
  string(text: string): void {
    const bytes = Buffer.from(text);
    this.u64(bytes.length);
    this.push(bytes);
  }
  scalar(type: MetadataType, value: MetadataScalar): void {
    const bytes = Buffer.alloc(8);
    if (type === "string") return this.string(String(value));
    if (type === "float32") this.push(bytes.subarray(0, bytes.writeFloatLE(Number(value))));
    else if (type === "uint32" || type === "int32") this.u32(Number(value));
    else if (type === "uint16") this.push(bytes.subarray(0, bytes.writeUInt16LE(Number(value))));
    else if (type === "uint64" || type === "int64") this.u64(Number(value));
    else if (type === "bool") this.push(Buffer.from([value ? 1 : 0]));
    else throw new Error(`no test needs ${type}`);
  }
  pad(alignment: number): void {
    this.push(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }
}

/** One tensor of a GGUF file to write. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Writes a GGUF file of version 3. */
export function writeGguf(path: string, metadata: Metadata, tensors: readonly GgufTensor[], alignment = 32): void {
  const file = new Bytes();
  file.push(Buffer.from("GGUF"));
  file.u32(3);
  file.u64(tensors.length);
  file.u64(metadata.size);
  for (const [key, entry] of metadata) {
    file.string(key);
    if (entry.type !== "array") {
      file.u32(TYPE_NUMBERS[entry.type]);
      file.scalar(entry.type, entry.value);
      continue;
    }
    file.u32(9);
    file.u32(TYPE_NUMBERS[entry.elementType]);
    file.u64(entry.values.length);
    for (const value of Array.from(entry.values)) file.scalar(entry.elementType, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    file.string(tensor.name);
    file.u32(tensor.shape.length);
    for (const n of tensor.shape) file.u64(n);
    file.u32(tensor.type);
    file.u64(offset);
    offset += Math.ceil(tensor.bytes.length / alignment) * alignment;
  }
  file.pad(alignment);
  for (const tensor of tensors) {
    file.push(Buffer.from(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.length));
    file.pad(alignment);
  }
  writeFileSync(path, Buffer.concat(file.parts));
}

function tensorWeights(name: string, count: number, columns: number, seed: number, shape: ModelShape): Float32Array {
  if (name === "rope_freqs.weight") return Float32Array.from({ length: count }, (_, i) => 1 + (i * 7) / count);
  if (!name.includes("norm")) return randomWeights(count, seed, 0.5 / Math.sqrt(columns));
  return shape.hasUnevenNorms ? randomWeights(count, seed, 0.2).map((x) => 1 + x) : new Float32Array(count).fill(1);
}

/** Writes a model of that shape with weights from the seed. */
export function writeModel(path: string, shape: ModelShape, seed = 1, metadata = modelMetadata(shape)): void {
  const tensors = tensorShapes(shape).map(([name, dims], index): GgufTensor => {
    const codec = dims.length === 1 ? "f32" : (shape.codec ?? "f16");
    const count = dims.reduce((product, n) => product * n, 1);
    const weights = tensorWeights(name, count, dims[0]!, seed * 1000 + index, shape);
    const bytes = new Uint8Array(count * BYTES[codec]);
    resolveCodec(codec).encode!(weights, bytes, { rowLength: dims[0]! });
    return { name, shape: dims, type: GGML_TYPES[codec], bytes };
  });
  writeGguf(path, metadata, tensors);
}

/** One entry of an importance matrix. */
export interface ImportanceEntry {
  readonly name: string;
  readonly sums: ArrayLike<number>;
  readonly calls: number;
}

/** Writes an importance matrix in the older format, with `tail` after the entries. */
export function writeLegacyImatrix(
  path: string,
  entries: readonly ImportanceEntry[],
  tail: Buffer = Buffer.alloc(0),
): void {
  const i32 = (value: number) => Buffer.from(new Int32Array([value]).buffer);
  const parts = entries.flatMap(({ name, sums, calls }) => [
    ...[i32(Buffer.byteLength(name)), Buffer.from(name), i32(calls), i32(sums.length)],
    Buffer.from(Float32Array.from(sums).buffer),
  ]);
  writeFileSync(path, Buffer.concat([i32(entries.length), ...parts, tail]));
}
