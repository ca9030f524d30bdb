/** BERT and RoBERTa, and their relatives for embeddings: attention to both sides, norms behind. */
import { numberOf, valueOf, type Config } from "../config.ts";
import { flag, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { model, names } from "./rules.ts";

const layer = (list: Readonly<Record<string, string>>) => names("encoder.layer.{}.", "blk.{}.", list);

const NOT_CAUSAL = flag("attention.causal", () => false);

const POSITIONS = { "embeddings.position_embeddings": "position_embd" };

const TENSORS = [
  ...model({
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
  }),
  ...layer({
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
  }),
];

export const bert: Architecture = {
  huggingFace: ["BertModel", "BertForMaskedLM", "CamembertModel"],
  gguf: "bert",
  tensors: [...TENSORS, ...model(POSITIONS)],
  prefixes: ["bert."],
  renamed: () => [
    [/\.gamma$/, ".weight"],
    [/\.beta$/, ".bias"],
  ],
  dropped: [/^embeddings\.position_ids$/, /^pooler\./, /^cls\./],
  metadata: [NOT_CAUSAL],
  pools: true,
};

/** Positions before the first one that is used: they count from behind the padding's number on. */
const offset = (config: Config): number =>
  valueOf(config, "pad_token_id") === undefined ? 0 : 1 + (numberOf(config, "pad_token_id") ?? 0);

/** XLM-RoBERTa and RoBERTa: the unused positions are cut. */
export const roberta: Architecture = {
  ...bert,
  huggingFace: ["RobertaModel", "XLMRobertaModel"],
  prefixes: ["roberta."],
  tensors: [
    ...TENSORS,
    ...model(POSITIONS, { pieces: [{ rows: (config) => [offset(config)], axes: "row column -> row column" }] }),
  ],
  dropped: [...(bert.dropped ?? []), /^lm_head\./],
  metadata: [
    uint("context_length", (config) => (numberOf(config, "max_position_embeddings") ?? 0) - offset(config)),
    NOT_CAUSAL,
  ],
};

const nomicLayer = (list: Readonly<Record<string, string>>) => names("encoder.layers.{}.", "blk.{}.", list);

/** Nomic's: rotary positions, a gated network. */
export const nomicBert: Architecture = {
  huggingFace: ["NomicBertModel"],
  gguf: "nomic-bert",
  tensors: [
    ...model({
      "embeddings.word_embeddings": "token_embd",
      "embeddings.token_type_embeddings": "token_types",
      emb_ln: "token_embd_norm",
    }),
    ...nomicLayer({
      "attn.Wqkv": "attn_qkv",
      "attn.out_proj": "attn_output",
      "mlp.fc11": "ffn_up",
      "mlp.fc12": "ffn_gate",
      "mlp.fc2": "ffn_down",
      norm1: "attn_output_norm",
      norm2: "layer_output_norm",
    }),
  ],
  // Trained for fewer positions than the config has room for.
  metadata: [uint("context_length", (config) => numberOf(config, "max_trained_positions") ?? 2048), NOT_CAUSAL],
  pools: true,
};
