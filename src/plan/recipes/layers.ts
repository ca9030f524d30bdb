/** Parts of a model's depth, by which rules choose layers. */

/**
 * Parts with a name. For a tensor with index i of n (integer divisions):
 * - `first-eighth`: i < n/8;
 * - `first-sixteenth`: i < n/16;
 * - `more-bits`: i < n/8, or i >= 7n/8, or every third in between, (i - n/8) % 3 == 2.
 */
export const LAYER_PARTS = ["first-eighth", "first-sixteenth", "more-bits"] as const;

/**
 * A part, or a number k: i < k. The index counts the tensors that reach the rule list: values (attn_v, attn_qkv,
 * attn_kv_b together), and ffn_down, ffn_up, ffn_gate each; in models with experts the last three take the layer's
 * number. Other tensors take the layer's number, and those outside the layers are in no part.
 */
export type Layers = (typeof LAYER_PARTS)[number] | number;

/** Place of a tensor in the depth of the model, index of count; undefined outside the layers. */
export type Depth = { readonly index: number; readonly count: number } | undefined;

/** Whether a tensor at that depth belongs to a part. */
export function isInLayers(layers: Layers, depth: Depth): boolean {
  if (depth === undefined) return false;
  const { index, count } = depth;
  const eighth = Math.floor(count / 8);
  if (typeof layers === "number") return index < layers;
  if (layers === "first-eighth") return index < eighth;
  if (layers === "first-sixteenth") return index < Math.floor(count / 16);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
}
