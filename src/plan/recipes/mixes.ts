/**
 * llama.cpp's mixes as recipes. Which tensor gets which type is a fact of that program (`llama_tensor_get_type_impl`,
 * 2026), measured by its authors on LLaMA and Mixtral; here it is written down as data, one list per mix. The first
 * rule that holds decides.
 */
import type { Recipe, Rule } from "./recipe.types.ts";
import type { Role } from "./tensor-role.ts";

/** Fused projections hold the values too, and are as sensitive. */
const VALUES: readonly Role[] = ["attn_v", "attn_qkv", "attn_kv_b"];

/** The output tensor is worth more bits; q8_0 where the mix's own type does not fit its rows. */
const OUTPUT: readonly Rule[] = [
  { role: "output", architecture: "falcon", type: "q8_0" },
  { role: "output", rowsFit: false, type: "q8_0" },
  { role: "output", type: "q6_K" },
];

/** With eight experts the attention is a small part of the bytes: keys and values at 8 bits cost next to nothing. */
const EIGHT_EXPERTS: readonly Rule[] = [
  { role: VALUES, experts: 8, type: "q8_0" },
  { role: "attn_k", experts: 8, type: "q8_0" },
];
const EIGHT_EXPERTS_OUTPUT: Rule = { role: "attn_output", experts: 8, type: "q5_K" };

/** Eight query heads share one value head in the 70B class, so its values are worth a step more. */
const SEVENTY_B: Rule = { role: VALUES, is70B: true, type: "q5_K" };

function mix(name: string, fileType: number, type: string, ...rules: readonly Rule[]): Recipe {
  return Object.freeze({ name, type, fileType, rules: [...OUTPUT, ...EIGHT_EXPERTS, ...rules] });
}

/** Every mix of llama.cpp whose types can be written, in the order in which it lists them. */
export const MIXES: readonly Recipe[] = [
  mix("q1_0", 40, "q1_0"),
  mix("q2_0", 41, "q2_0", { role: "token_embd", type: "q4_K" }),
  mix("q4_0", 2, "q4_0", { role: "ffn_down", layers: "first-eighth", imatrix: true, type: "q4_1" }),
  mix("q4_1", 3, "q4_1"),
  {
    name: "mxfp4_moe",
    fileType: 38,
    type: "mxfp4",
    rules: [
      { role: "output", type: "q8_0" },
      // Its latent attention is stacked too, and no expert.
      { role: ["ffn_up", "ffn_gate", "ffn_down"], stacked: true, architecture: "bailingmoe3", type: "mxfp4" },
      { architecture: "bailingmoe3", type: "q8_0" },
      { stacked: true, type: "mxfp4" },
      { type: "q8_0" },
    ],
  },
  mix("q5_0", 8, "q5_0", { role: "ffn_down", layers: "first-eighth", imatrix: true, type: "q5_1" }),
  mix("q5_1", 9, "q5_1"),
  mix("tq1_0", 36, "tq1_0", { role: "token_embd", type: "q4_K" }),
  mix("tq2_0", 37, "tq2_0", { role: "token_embd", type: "q4_K" }),
  mix(
    "q2_k",
    10,
    "q2_K",
    SEVENTY_B,
    { role: VALUES, gqa: 4, type: "q4_K" },
    { role: VALUES, type: "q3_K" },
    { role: "ffn_down", type: "q3_K" },
    { role: "attn_output", architecture: "falcon", type: "q2_K" },
    EIGHT_EXPERTS_OUTPUT,
    { role: "attn_output", type: "q3_K" },
  ),
  {
    ...mix(
      "q2_k_s",
      21,
      "q2_K",
      { role: VALUES, is70B: true, gqa: 4, type: "q5_K" },
      { role: VALUES, gqa: 4, type: "q4_K" },
      { role: "ffn_down", layers: "first-eighth", type: "q4_K" },
    ),
    needsImatrix: ["q2_K"],
  },
  mix(
    "q3_k_s",
    11,
    "q3_K",
    SEVENTY_B,
    { role: "attn_output", architecture: "falcon", type: "q3_K" },
    EIGHT_EXPERTS_OUTPUT,
  ),
  mix(
    "q3_k_m",
    12,
    "q3_K",
    { role: VALUES, layers: 2, type: "q5_K" },
    SEVENTY_B,
    { role: VALUES, type: "q4_K" },
    { role: "ffn_down", layers: "first-sixteenth", type: "q5_K" },
    { role: "ffn_down", architecture: "falcon", layers: "more-bits", type: "q4_K" },
    { role: "ffn_down", architecture: "falcon", type: "q3_K" },
    { role: "ffn_down", type: "q4_K" },
    { role: "attn_output", architecture: "falcon", type: "q3_K" },
    EIGHT_EXPERTS_OUTPUT,
    { role: "attn_output", type: "q4_K" },
  ),
  mix(
    "q3_k_l",
    13,
    "q3_K",
    { role: VALUES, type: "q5_K" },
    { role: "ffn_down", architecture: "falcon", type: "q4_K" },
    { role: "ffn_down", type: "q5_K" },
    { role: "attn_output", architecture: "falcon", type: "q4_K" },
    { role: "attn_output", experts: 8, type: "q3_K" },
    { role: "attn_output", type: "q5_K" },
  ),
  ...(
    [
      ["iq4_nl", 25],
      ["iq4_xs", 30],
    ] as const
  ).map(([name, fileType]) =>
    mix(
      name,
      fileType,
      name,
      { role: VALUES, gqa: 4, type: "q5_K" },
      { role: "ffn_down", layers: "first-eighth", imatrix: false, type: "q5_K" },
      { role: "attn_output", architecture: "falcon", type: name },
      EIGHT_EXPERTS_OUTPUT,
    ),
  ),
  mix(
    "q4_k_s",
    14,
    "q4_K",
    { role: VALUES, layers: 4, type: "q5_K" },
    SEVENTY_B,
    { role: "ffn_down", architecture: "falcon", type: "q4_K" },
    { role: "ffn_down", layers: "first-eighth", type: "q5_K" },
    { role: "attn_output", architecture: "falcon", type: "q4_K" },
    EIGHT_EXPERTS_OUTPUT,
  ),
  mix(
    "q4_k_m",
    15,
    "q4_K",
    { role: VALUES, layers: "more-bits", type: "q6_K" },
    SEVENTY_B,
    { role: "ffn_down", architecture: "falcon", layers: "first-sixteenth", type: "q6_K" },
    { role: "ffn_down", architecture: "falcon", layers: "more-bits", type: "q5_K" },
    { role: "ffn_down", architecture: "falcon", type: "q4_K" },
    { role: "ffn_down", layers: "more-bits", type: "q6_K" },
    { role: "attn_output", architecture: "falcon", type: "q4_K" },
    EIGHT_EXPERTS_OUTPUT,
  ),
  mix("q5_k_s", 16, "q5_K"),
  mix(
    "q5_k_m",
    17,
    "q5_K",
    { role: VALUES, layers: "more-bits", type: "q6_K" },
    { role: "ffn_down", layers: "more-bits", type: "q6_K" },
  ),
  mix("q6_k", 18, "q6_K"),
  mix("nvfp4", 39, "nvfp4"),
  // The output stays at 8 bits too: only its rows may ask for something else, and then nothing smaller fits.
  { name: "q8_0", fileType: 7, type: "q8_0", rules: EIGHT_EXPERTS },
];

/** Names that llama-quantize takes for another mix. */
export const MIX_ALIASES: Readonly<Record<string, string>> = { q3_k: "q3_k_m", q4_k: "q4_k_m", q5_k: "q5_k_m" };

/** Mixes of llama.cpp that need types this program reads but does not write, with their file types. */
export const READ_ONLY_MIXES: Readonly<Record<string, number>> = {
  ...{ iq1_s: 24, iq1_m: 31, iq2_xxs: 19, iq2_xs: 20, iq2_s: 28, iq2_m: 29 },
  ...{ iq3_xxs: 23, iq3_xs: 22, iq3_s: 26, iq3_m: 27 },
};
