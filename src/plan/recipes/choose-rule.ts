/** Which rule of a list decides for a tensor. */
import type { Tensor } from "../../read/model.ts";
import type { Depth } from "./layers.ts";
import type { Rule } from "./recipe.types.ts";
import { compileConditions, type RuleContext } from "./rule-conditions.ts";
import { layerOf, roleOf, type Role } from "./tensor-role.ts";

/** Roles whose tensors are counted together. */
const COUNTERS: Readonly<Partial<Record<Role, string>>> = {
  attn_v: "values",
  attn_qkv: "values",
  attn_kv_b: "values",
  ffn_up: "ffn_up",
  ffn_gate: "ffn_gate",
  ffn_down: "ffn_down",
};

/**
 * A rule list at work: asked once for each tensor that reaches it, in output order, because some conditions count.
 * @returns a function from a tensor to the index of the first rule that holds, -1 when none does
 */
export function ruleChooser(rules: readonly Rule[], context: RuleContext): (tensor: Tensor) => number {
  const { facts } = context;
  const compiled = rules.map(compileConditions);
  const seen = new Map<string, number>();

  /** Reads the depth and counts the tensor. */
  function depthOf(tensor: Tensor, role: Role): Depth {
    const layer = layerOf(tensor.name);
    const byName = layer === undefined ? undefined : { index: layer, count: facts.layers };
    const counter = COUNTERS[role];
    if (counter === undefined) return byName;
    const index = seen.get(counter) ?? 0;
    seen.set(counter, index + 1);
    if (counter === "values") return { index, count: facts.valueTensors };
    // Stacked and single experts lie in any order, so there the name tells the layer.
    return facts.experts > 1 ? byName : { index, count: facts.layers };
  }

  return (tensor) => {
    const named = roleOf(tensor.name);
    const role = named === "token_embd" && facts.isTied ? "output" : named;
    const subject = { ...context, tensor, role, depth: depthOf(tensor, role) };
    return compiled.findIndex((holds) => holds(subject));
  };
}
