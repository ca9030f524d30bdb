/** The few facts of a model that decide types, read from its metadata. */
import type { Metadata, Model } from "../../read/model.ts";
import { roleOf } from "./tensor-role.ts";

export interface ModelFacts {
  readonly architecture: string;
  /** `<architecture>.block_count`, 0 when the file does not say. */
  readonly layers: number;
  /** Query heads per key/value head in the first layer (integer division), 0 without attention. */
  readonly gqa: number;
  readonly experts: number;
  readonly is70B: boolean;
  /** True when no tensor is called `output.weight`: the token embedding serves as output. */
  readonly isTied: boolean;
  /** Tensors that hold attention values: attn_v, attn_qkv, attn_kv_b. */
  readonly valueTensors: number;
}

/**
 * Layer counts that llama.cpp knows as 70B, per architecture (`load_arch_hparams` of its models, tried on 50 of them).
 * With one value head per query head, a llama of 80 layers is the older 65B.
 */
const LAYERS_OF_70B: Readonly<Record<string, number>> = {
  ...{ llama: 80, "llama-embed": 80 },
  ...{ deci: 80, qwen2: 80, olmo: 80, jais2: 68 },
};
const HAS_65B: readonly string[] = ["llama", "llama-embed"];

/** A whole number from the metadata; of an array, its first element. Undefined when absent or of another type. */
function integer(metadata: Metadata, key: string): number | undefined {
  const entry = metadata.get(key);
  const value = entry === undefined ? undefined : entry.type === "array" ? entry.values[0] : entry.value;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

/** Reads the facts; what a file does not say counts as llama.cpp's default. */
export function modelFacts(model: Pick<Model, "metadata" | "tensors">): ModelFacts {
  const stated = model.metadata.get("general.architecture");
  const architecture = stated?.type === "string" ? String(stated.value) : "";
  const layers = integer(model.metadata, `${architecture}.block_count`) ?? 0;
  const heads = integer(model.metadata, `${architecture}.attention.head_count`) ?? 0;
  const valueHeads = integer(model.metadata, `${architecture}.attention.head_count_kv`) ?? heads;
  const roles = model.tensors.map((tensor) => roleOf(tensor.name));
  return {
    architecture,
    layers,
    gqa: valueHeads > 0 ? Math.floor(heads / valueHeads) : 0,
    experts: integer(model.metadata, `${architecture}.expert_count`) ?? 0,
    is70B: LAYERS_OF_70B[architecture] === layers && (!HAS_65B.includes(architecture) || heads !== valueHeads),
    isTied: !roles.includes("output"),
    valueTensors: roles.filter((role) => role === "attn_v" || role === "attn_qkv" || role === "attn_kv_b").length,
  };
}
