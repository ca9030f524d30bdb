/** Mamba 1 and 2: state spaces instead of attention. */
import { hiddenSize, numberOf, type Config } from "../config.ts";
import { flag, float, uint } from "../metadata-rules.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { model, names, type Common } from "./rules.ts";

/** What the converter states: the model itself knows no end. */
const CONTEXT = 2 ** 20;

const layer = (list: Readonly<Record<string, string>>, common: Common = {}) =>
  names("backbone.layers.{}.", "blk.{}.", list, common);
const whole = (list: Readonly<Record<string, string>>, common: Common = {}) => layer(list, { whole: true, ...common });

const SHARED: readonly TensorRule[] = [
  ...model({ "backbone.embeddings": "token_embd", "backbone.norm_f": "output_norm" }),
  ...model({ lm_head: "output" }, { optional: true }),
  ...layer({ norm: "attn_norm", "mixer.in_proj": "ssm_in", "mixer.out_proj": "ssm_out" }),
  ...layer({ "mixer.conv1d.weight": "ssm_conv1d.weight" }, { pieces: [{ axes: "channel one tap -> channel tap" }] }),
  ...layer({ "mixer.conv1d.bias": "ssm_conv1d.bias" }),
];

const METADATA: readonly MetadataRule[] = [
  uint("context_length", () => CONTEXT),
  uint("embedding_length", ["hidden_size", "d_model"]),
  // llama.cpp wants them stated though there are none.
  uint("feed_forward_length", () => 0),
  uint("attention.head_count", () => 0),
  uint("ssm.conv_kernel", (config) => numberOf(config, "conv_kernel", "d_conv") ?? 4),
  float("attention.layer_norm_rms_epsilon", (config) => numberOf(config, "layer_norm_epsilon", "rms_norm_eps") ?? 1e-5),
];

const WITHOUT = ["attention.layer_norm_epsilon", "attention.key_length", "attention.value_length", "rope.freq_base"];

/** Models of the second generation and their authors' own have `dt_bias`, the first `dt_proj.bias`. */
export const mamba: Architecture = {
  huggingFace: ["MambaForCausalLM", "MambaLMHeadModel", "FalconMambaForCausalLM"],
  gguf: "mamba",
  tensors: [
    ...SHARED,
    ...layer({ "mixer.x_proj": "ssm_x", "mixer.dt_proj": "ssm_dt" }),
    ...whole({ "mixer.A_log": "ssm_a" }, { map: "negative-exponential" }),
    ...whole({ "mixer.D": "ssm_d" }),
  ],
  metadata: [
    ...METADATA,
    uint("ssm.inner_size", (config) => numberOf(config, "intermediate_size", "d_inner") ?? 2 * hiddenSize(config)),
    uint("ssm.state_size", (config) => numberOf(config, "state_size", "d_state") ?? 16),
    uint(
      "ssm.time_step_rank",
      (config) => numberOf(config, "time_step_rank", "dt_rank") ?? Math.ceil(hiddenSize(config) / 16),
    ),
    flag("ssm.dt_b_c_rms", ({ values }) => values["model_type"] === "falcon_mamba"),
  ],
  without: WITHOUT,
};

const innerSize = (config: Config): number =>
  numberOf(config, "mamba_d_ssm", "intermediate_size", "d_inner") ??
  (numberOf(config, "expand") ?? 2) * hiddenSize(config);
const groupCount = (config: Config): number => numberOf(config, "n_groups") ?? 1;

export const mamba2: Architecture = {
  huggingFace: ["Mamba2ForCausalLM"],
  gguf: "mamba2",
  tensors: [
    ...SHARED,
    ...whole(
      { "mixer.A_log": "ssm_a" },
      { map: "negative-exponential", pieces: [{ axes: "(head one=1) -> head one" }] },
    ),
    ...whole({ "mixer.D": "ssm_d" }, { pieces: [{ axes: "(head one=1) -> head one" }] }),
    ...whole({ "mixer.dt_bias": "ssm_dt.bias" }),
    ...layer(
      { "mixer.norm": "ssm_norm" },
      { pieces: [{ axes: "(group row) -> group row", sizes: (config) => ({ group: groupCount(config) }) }] },
    ),
  ],
  metadata: [
    ...METADATA,
    uint("ssm.inner_size", innerSize),
    uint("ssm.state_size", (config) => numberOf(config, "state_size", "d_state") ?? 128),
    uint("ssm.time_step_rank", (config) => innerSize(config) / (numberOf(config, "mamba_d_head", "head_dim") ?? 64)),
    uint("ssm.group_count", groupCount),
  ],
  without: WITHOUT,
};
