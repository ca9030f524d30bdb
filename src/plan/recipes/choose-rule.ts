/** Which rule of a list decides for a tensor. */
import { isOwn } from "../../../codecs/codec.ts";
import { findFormat } from "../../../codecs/registry.ts";
import { sliceCount, type Tensor } from "../../read/model.ts";
import type { ModelFacts } from "./model-facts.ts";
import type { Layers, Rule } from "./recipe.types.ts";
import { rowsFit } from "./shape-fallback.ts";
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

/** What the conditions are asked about, beside the tensor. */
export interface RuleContext {
  readonly facts: ModelFacts;
  readonly hasImatrix: boolean;
  /** The recipe's own type, for `rowsFit`. */
  readonly type: string;
}

/** Place of a tensor in the depth of the model, index of count; undefined outside the layers. */
type Depth = { readonly index: number; readonly count: number } | undefined;

function isInLayers(layers: Layers, depth: Depth): boolean {
  if (depth === undefined) return false;
  const { index, count } = depth;
  const eighth = Math.floor(count / 8);
  if (typeof layers === "number") return index < layers;
  if (layers === "first-eighth") return index < eighth;
  if (layers === "first-sixteenth") return index < Math.floor(count / 16);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
}

function isOneOf<T>(value: T, wanted: T | readonly T[]): boolean {
  return Array.isArray(wanted) ? (wanted as readonly T[]).includes(value) : value === wanted;
}

/** One rule, its regular expression compiled once. */
interface CompiledRule {
  readonly rule: Rule;
  readonly pattern: RegExp | undefined;
}

function isStoredAs(codec: string, wanted: string | readonly string[]): boolean {
  return isOneOf(codec, wanted) || (isOneOf("codebook", wanted) && isOwn(findFormat(codec)!));
}

function holds({ rule, pattern }: CompiledRule, tensor: Tensor, role: Role, depth: Depth, context: RuleContext) {
  const { facts } = context;
  return (
    (pattern === undefined || pattern.test(tensor.name)) &&
    (rule.from === undefined || isStoredAs(tensor.codec, rule.from)) &&
    (rule.role === undefined || isOneOf<Role>(role, rule.role)) &&
    (rule.layers === undefined || isInLayers(rule.layers, depth)) &&
    (rule.gqa === undefined || facts.gqa >= rule.gqa) &&
    (rule.experts === undefined || facts.experts === rule.experts) &&
    (rule.imatrix === undefined || context.hasImatrix === rule.imatrix) &&
    (rule.architecture === undefined || isOneOf<string>(facts.architecture, rule.architecture)) &&
    (rule.is70B === undefined || facts.is70B === rule.is70B) &&
    (rule.stacked === undefined || sliceCount(tensor.shape) > 1 === rule.stacked) &&
    (rule.rowsFit === undefined || rowsFit(context.type, tensor.shape[0]!) === rule.rowsFit)
  );
}

/**
 * A rule list at work: asked once for each tensor that reaches it, in output order, because some conditions count.
 * @returns a function from a tensor to the index of the first rule that holds, -1 when none does
 */
export function ruleChooser(rules: readonly Rule[], context: RuleContext): (tensor: Tensor) => number {
  const { facts } = context;
  const compiled = rules.map((rule) => ({
    rule,
    pattern: rule.match === undefined ? undefined : new RegExp(rule.match),
  }));
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
    const depth = depthOf(tensor, role);
    return compiled.findIndex((rule) => holds(rule, tensor, role, depth, context));
  };
}
