/** Small models for tests: what a file would say of itself, from a few numbers. */
import type { Metadata, Model, Tensor } from "#dist/src/read/model.js";

export interface ModelShape {
  readonly name: string;
  readonly architecture?: string;
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly valueHeads: number;
  readonly vocabulary?: number;
  /** Stacked experts, and how many of them a token uses. */
  readonly experts?: number;
  /** No `output.weight`. */
  readonly isTied?: boolean;
  /** Queries, keys and values in one tensor, as in falcon and phi. */
  readonly isFused?: boolean;
  /** Type of the matrices; vectors are f32. */
  readonly codec?: "f32" | "f16";
}

const BYTES = { f32: 4, f16: 2 } as const;

/** Names and shapes of all tensors, in the order in which converters write them. */
export function tensorShapes(shape: ModelShape): [name: string, shape: number[]][] {
  const { width, feedForward, heads, valueHeads, experts = 0, vocabulary = 288 } = shape;
  const valueWidth = (width / heads) * valueHeads;
  const list: [string, number[]][] = [["token_embd.weight", [width, vocabulary]]];
  for (let i = 0; i < shape.layers; i++) {
    const layer = (name: string, ...dims: number[]) => list.push([`blk.${i}.${name}.weight`, dims]);
    layer("attn_norm", width);
    if (shape.isFused) layer("attn_qkv", width, width + 2 * valueWidth);
    else {
      layer("attn_q", width, width);
      layer("attn_k", width, valueWidth);
      layer("attn_v", width, valueWidth);
    }
    layer("attn_output", width, width);
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
  list.push(["output_norm.weight", [width]]);
  if (!shape.isTied) list.push(["output.weight", [width, vocabulary]]);
  return list;
}

/** The metadata that llama.cpp needs to load or quantize such a model, without a vocabulary. */
export function modelMetadata(shape: ModelShape): Metadata {
  const architecture = shape.architecture ?? "llama";
  const metadata: Metadata = new Map();
  const u32 = (key: string, value: number) => metadata.set(`${architecture}.${key}`, { type: "uint32", value });
  metadata.set("general.architecture", { type: "string", value: architecture });
  metadata.set("general.name", { type: "string", value: shape.name });
  metadata.set("general.file_type", { type: "uint32", value: shape.codec === "f32" ? 0 : 1 });
  u32("context_length", 256);
  u32("embedding_length", shape.width);
  u32("block_count", shape.layers);
  u32("feed_forward_length", shape.feedForward);
  u32("attention.head_count", shape.heads);
  u32("attention.head_count_kv", shape.valueHeads);
  u32("rope.dimension_count", shape.width / shape.heads);
  u32("vocab_size", shape.vocabulary ?? 288);
  for (const key of ["layer_norm_rms_epsilon", "layer_norm_epsilon"])
    metadata.set(`${architecture}.attention.${key}`, { type: "float32", value: Math.fround(1e-5) });
  if (shape.experts !== undefined) {
    u32("expert_count", shape.experts);
    u32("expert_used_count", 2);
  }
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
