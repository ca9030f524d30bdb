/** What has to be known of a model architecture to turn its Hugging Face folder into GGUF: data, one file for each. */
import type { MetadataType } from "../../model.ts";

/**
 * How a tensor is called on either side. `{}` stands for the layer's number, `{e}` for an expert's: all experts of a
 * layer become one tensor of three dimensions. Endings (`.weight`) stay.
 */
export interface TensorName {
  readonly huggingFace: string;
  readonly gguf: string;
  /** Endings that must be there; others of `.weight` and `.bias` may be. */
  readonly required?: readonly (".weight" | ".bias")[];
  /**
   * Key of the config with the number of heads, for projections whose rows ggml wants in its own rotary order: see
   * `Tensor.rotaryHeads`.
   */
  readonly rotaryHeads?: "num_attention_heads" | "num_key_value_heads";
}

/** One key of the metadata that comes from `config.json`. */
export interface MetadataRule {
  /** GGUF key without the architecture's name in front. */
  readonly gguf: string;
  readonly type: Extract<MetadataType, "uint32" | "float32">;
  /** Keys of the config, the first that is there counts. */
  readonly config: readonly string[];
  /** Without it: the value to take, `required`, or `omit` for no key. */
  readonly otherwise: number | "required" | "omit";
}

export interface Architecture {
  /** Names under `architectures` in `config.json`. */
  readonly huggingFace: readonly string[];
  /** `general.architecture`. */
  readonly gguf: string;
  readonly tensors: readonly TensorName[];
  readonly metadata: readonly MetadataRule[];
  /** True when llama.cpp wants `vocab_size` and `rope.dimension_count` stated. */
  readonly statesRopeDimension: boolean;
  /** Key of the config with the number of experts, where there are any. */
  readonly expertCount?: "num_local_experts" | "num_experts";
}
