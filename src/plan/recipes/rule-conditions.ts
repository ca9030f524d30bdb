/**
 * The conditions of rules: what each takes, what it says, and when it holds. The one list of them: recipe files are
 * checked by it, rules are tried by it, manifests write it in its order, and printed recipes explain it. A condition of
 * `RuleConditions` that is not in it does not compile.
 */
import { isOwn } from "../../../codecs/codec.ts";
import { findFormat } from "../../../codecs/registry.ts";
import { sliceCount, type Tensor } from "../../read/model.ts";
import { isInLayers, LAYER_PARTS, type Depth, type Layers } from "./layers.ts";
import type { ModelFacts } from "./model-facts.ts";
import type { RuleConditions } from "./recipe.types.ts";
import { rowsFit } from "./shape-fallback.ts";
import { ROLES, type Role } from "./tensor-role.ts";

/** What conditions are asked about, the same for all tensors of a model. */
export interface RuleContext {
  readonly facts: ModelFacts;
  readonly hasImatrix: boolean;
  /** The recipe's own type, for `rowsFit`. */
  readonly type: string;
}

/** What conditions are asked about: one tensor. */
export interface RuleSubject extends RuleContext {
  readonly tensor: Tensor;
  readonly role: Role;
  readonly depth: Depth;
}

/** Sorts of values that conditions take: for each there is a schema in recipe-schema.ts. */
export interface ConditionValues {
  readonly names: string | readonly string[];
  readonly pattern: string;
  readonly roles: Role | readonly Role[];
  readonly layers: Layers;
  readonly count: number;
  readonly flag: boolean;
}

interface Condition<Sort extends keyof ConditionValues> {
  readonly takes: Sort;
  /** What it holds for, in a line. */
  readonly about: string;
  /** The condition with its value, compiled once for all tensors. */
  readonly holds: (wanted: ConditionValues[Sort]) => (subject: RuleSubject) => boolean;
}

/** The condition that takes exactly those values. */
type ConditionOf<Value> = {
  [Sort in keyof ConditionValues]: [Value, ConditionValues[Sort]] extends [ConditionValues[Sort], Value]
    ? Condition<Sort>
    : never;
}[keyof ConditionValues];

function isOneOf<T>(value: T, wanted: T | readonly T[]): boolean {
  return Array.isArray(wanted) ? (wanted as readonly T[]).includes(value) : value === wanted;
}

/** A condition of which nothing is to be compiled. */
function condition<Sort extends keyof ConditionValues>(
  takes: Sort,
  about: string,
  holds: (subject: RuleSubject, wanted: ConditionValues[Sort]) => boolean,
): Condition<Sort> {
  return { takes, about, holds: (wanted) => (subject) => holds(subject, wanted) };
}

/** Every condition, in the order in which a written rule names them. */
export const RULE_CONDITIONS: { readonly [Name in keyof RuleConditions]-?: ConditionOf<RuleConditions[Name] & {}> } = {
  from: condition(
    "names",
    "tensors stored in that type, or in one of several; codebook: in any of ours",
    ({ tensor: { codec } }, wanted) =>
      isOneOf(codec, wanted) || (isOneOf("codebook", wanted) && isOwn(findFormat(codec)!)),
  ),
  match: {
    takes: "pattern",
    about: "names in which the regular expression is found",
    holds: (wanted) => {
      const pattern = new RegExp(wanted);
      return ({ tensor }) => pattern.test(tensor.name);
    },
  },
  role: condition("roles", `one or several of ${ROLES.join(" ")}`, ({ role }, wanted) => isOneOf<Role>(role, wanted)),
  layers: condition("layers", `${LAYER_PARTS.join(", ")}, or a number: the first so many`, ({ depth }, wanted) =>
    isInLayers(wanted, depth),
  ),
  gqa: condition(
    "count",
    "models with at least so many query heads per key/value head",
    ({ facts }, least) => facts.gqa >= least,
  ),
  experts: condition("count", "models with exactly so many experts", ({ facts }, wanted) => facts.experts === wanted),
  imatrix: condition(
    "flag",
    "true with an importance matrix, false without",
    ({ hasImatrix }, wanted) => hasImatrix === wanted,
  ),
  architecture: condition("names", "one or several values of general.architecture", ({ facts }, wanted) =>
    isOneOf<string>(facts.architecture, wanted),
  ),
  is70B: condition(
    "flag",
    "models of the 70B class, which llama.cpp treats apart",
    ({ facts }, wanted) => facts.is70B === wanted,
  ),
  stacked: condition(
    "flag",
    "tensors that hold several matrices (experts)",
    ({ tensor }, wanted) => sliceCount(tensor.shape) > 1 === wanted,
  ),
  rowsFit: condition(
    "flag",
    "rows that divide by the block size of the scheme's own type",
    ({ tensor, type }, wanted) => rowsFit(type, tensor.shape[0]!) === wanted,
  ),
};

/** Names of all conditions, in order. */
export const CONDITION_NAMES = Object.keys(RULE_CONDITIONS) as readonly (keyof RuleConditions)[];

/** A rule's conditions as one function: true when all that it gives hold. */
export function compileConditions(rule: RuleConditions): (subject: RuleSubject) => boolean {
  const given = CONDITION_NAMES.flatMap((name) => {
    const { holds } = RULE_CONDITIONS[name] as Condition<keyof ConditionValues>;
    const wanted = rule[name];
    return wanted === undefined ? [] : [holds(wanted as never)];
  });
  return (subject) => given.every((holds) => holds(subject));
}
