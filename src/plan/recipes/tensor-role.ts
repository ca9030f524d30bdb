/** What a tensor does in the network, read off its GGUF name: mixes give types by role. */

export const ROLES = [
  "output",
  "token_embd",
  "attn_q",
  "attn_k",
  "attn_v",
  "attn_qkv",
  "attn_kv_b",
  "attn_output",
  "ffn_up",
  "ffn_gate",
  "ffn_down",
  "other",
] as const;

export type Role = (typeof ROLES)[number];

/** Names that decide on their own, and name parts in the order in which llama.cpp looks for them. */
const WHOLE_NAMES: Readonly<Record<string, Role>> = {
  "output.weight": "output",
  "token_embd.weight": "token_embd",
  "per_layer_token_embd.weight": "token_embd",
};
const NAME_PARTS: readonly (readonly [string, Role])[] = [
  ["attn_qkv.weight", "attn_qkv"],
  ["attn_kv_b.weight", "attn_kv_b"],
  ["attn_v.weight", "attn_v"],
  ["attn_k.weight", "attn_k"],
  ["attn_q.weight", "attn_q"],
  ["attn_output.weight", "attn_output"],
  ["ffn_up", "ffn_up"],
  ["ffn_gate", "ffn_gate"],
  ["ffn_down", "ffn_down"],
];

/** The role that a tensor's name tells, `other` when it tells none. */
export function roleOf(name: string): Role {
  return WHOLE_NAMES[name] ?? NAME_PARTS.find(([part]) => name.includes(part))?.[1] ?? "other";
}

/** Number of the layer in `blk.<n>.`, or undefined for tensors outside the layers. */
export function layerOf(name: string): number | undefined {
  const match = /^blk\.(\d{1,9})\./.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** True for tensors that are read row by row, by number: packed memory orders serve matrix products only. */
export function isRowLookup(name: string): boolean {
  return roleOf(name) === "token_embd" || /(^|[._])(position_embd|token_types|tok_embd)\b/.test(name);
}
