/** gpt-oss: experts in 4-bit floats, whose blocks are moved and not encoded again; gate and up in turns. */
import { uint } from "../metadata-rules.ts";
import type { Arrangement } from "../rearrange.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, layer, model, whole } from "./rules.ts";

/** Even rows are the gate's, odd ones up's. */
const turn = (index: 0 | 1, from: string, to: string): readonly Arrangement[] => [
  { axes: `${from} -> ${to}`, take: () => ({ turn: index }) },
];
const ROWS = (index: 0 | 1) => turn(index, "expert (row turn=2) ...", "expert row ...");
/** Converted to floats, they have input before output. */
const COLUMNS = (index: 0 | 1) => turn(index, "expert in (row turn=2)", "expert row in");

export const gptOss: Architecture = {
  huggingFace: ["GptOssForCausalLM"],
  gguf: "gpt-oss",
  tensors: [
    ...model({ "model.embed_tokens": "token_embd", "model.norm": "output_norm" }),
    ...model({ lm_head: "output" }, { optional: true }),
    ...layer({ input_layernorm: "attn_norm", post_attention_layernorm: "post_attention_norm" }),
    ...ATTENTION,
    ...layer({ "self_attn.sinks": "attn_sinks.weight", "mlp.router": "ffn_gate_inp" }),
    ...whole({ "mlp.experts.gate_up_proj_blocks": "ffn_gate_exps.weight" }, { pieces: ROWS(0) }),
    ...whole({ "mlp.experts.gate_up_proj_blocks": "ffn_up_exps.weight" }, { pieces: ROWS(1) }),
    ...whole({ "mlp.experts.down_proj_blocks": "ffn_down_exps.weight" }),
    ...whole({ "mlp.experts.gate_up_proj": "ffn_gate_exps.weight" }, { pieces: COLUMNS(0) }),
    ...whole({ "mlp.experts.gate_up_proj": "ffn_up_exps.weight" }, { pieces: COLUMNS(1) }),
    ...whole(
      { "mlp.experts.down_proj": "ffn_down_exps.weight" },
      { pieces: [{ axes: "expert in out -> expert out in" }] },
    ),
    ...whole({ "mlp.experts.gate_up_proj_bias": "ffn_gate_exps.bias" }, { pieces: ROWS(0) }),
    ...whole({ "mlp.experts.gate_up_proj_bias": "ffn_up_exps.bias" }, { pieces: ROWS(1) }),
    ...whole({ "mlp.experts.down_proj_bias": "ffn_down_exps.bias" }),
  ],
  metadata: [
    uint("attention.sliding_window", "sliding_window"),
    uint("expert_feed_forward_length", "intermediate_size"),
  ],
};
