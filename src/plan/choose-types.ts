/**
 * The type and layout of every tensor. In llama.cpp's order: tensors that are never quantized, `embeddingType`,
 * `outputType`, the user's rules, the scheme's rules, then what the shape allows.
 */
import { isQuantized } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { QuantizeError } from "../errors.ts";
import type { Model, Tensor } from "../read/model.ts";
import { ruleChooser } from "./recipes/choose-rule.ts";
import { whyKept } from "./eligibility.ts";
import { adaptToShape, storableType, type TypeChoice, type TypeRequest } from "./adapt-to-shape.ts";
import { modelFacts } from "./recipes/model-facts.ts";
import type { PlanOptions, RuleHits } from "./plan.ts";
import { misfitText, type Chooser, type Reason } from "./reason.ts";
import type { Recipe, Rule } from "./recipes/recipe.types.ts";
import { findScheme, findType } from "./recipes/schemes.ts";
import { roleOf } from "./recipes/tensor-role.ts";
import { checkLayout, checkRule, describeRule, parseTensorRule } from "./recipes/tensor-rule.ts";

/** Why a tensor is not quantized whatever scheme and rules say, or undefined when it may be. */
function reasonToKeep(tensor: Tensor, { leaveOutput }: PlanOptions): Reason | undefined {
  if (leaveOutput === true && tensor.name === "output.weight") return { code: "output-left" };
  const what = whyKept(tensor);
  return what === undefined ? undefined : { code: "never-quantized", what };
}

/** What becomes of tensors that are not quantized: GGUF files of every converter hold small tensors in f32. */
function keptChoice(model: Model, tensor: Tensor, reason: Reason): TypeChoice {
  const isFloat = findFormat(tensor.codec)?.kind === "float";
  const isWidened = model.format === "safetensors" && isFloat;
  const codec = isWidened ? "f32" : storableType(tensor);
  return { tensor, codec, layout: "rows", tables: "auto", reason };
}

/** Who gives a tensor its type, when no option or rule of the user does. */
function chooserOf(line: Rule | undefined, { codec }: Tensor): Chooser {
  if (line?.type === undefined) return { by: "scheme" };
  return line.from === undefined ? { by: "mix" } : { by: "stored-type", codec };
}

/**
 * True for blocks that a folder's own training made (gpt-oss in mxfp4): a scheme of floats moves them as they are, as
 * llama.cpp's converter does. Floats would be larger and no better; who wants them says `allowRequantize`.
 */
export function isMoved(model: Model, { codec }: Tensor, recipe: Recipe, { allowRequantize }: PlanOptions): boolean {
  const [stored, wanted] = [findFormat(codec)?.kind, findFormat(recipe.type)?.kind];
  return model.format === "safetensors" && stored === "uniform" && wanted === "float" && !allowRequantize;
}

/** Refuses to lose quality twice without being told to. */
function checkSource(tensor: Tensor, codec: string, allowRequantize: boolean): void {
  if (codec === tensor.codec) return;
  const stored = findFormat(tensor.codec);
  const name = `tensor "${tensor.name}"`;
  if (stored === undefined)
    throw new QuantizeError("unsupported", `${name} is stored as ${tensor.codec}, which cannot be read as weights`);
  if (isQuantized(stored) && !allowRequantize)
    throw new QuantizeError(
      "unsupported",
      `${name} is already quantized (${tensor.codec}); quantizing it again to ${codec} loses more, ` +
        `and happens only with --allow-requantize`,
    );
}

/**
 * Rules that decided nothing are mistakes, nearly always of spelling.
 * @param overriding so many rules at the start may take all tensors from later ones
 */
function checkHits(hits: readonly RuleHits[], rules: readonly Rule[], model: Model, overriding: number): void {
  for (const [index, { rule, hits: count }] of hits.entries()) {
    const { match } = rules[index]!;
    if (count > 0) continue;
    const pattern = new RegExp(match ?? "");
    const named = model.tensors.filter(({ name }) => pattern.test(name));
    const isOverridden = index >= overriding && overriding > 0 && named.some((tensor) => whyKept(tensor) === undefined);
    if (isOverridden) continue;
    const example = named.length === 0 ? "" : ` (${named[0]!.name}${named.length > 1 ? ", ..." : ""})`;
    const found =
      named.length === 0
        ? "no tensor"
        : `only tensors that earlier rules or options decide, or that are never quantized${example}`;
    throw new QuantizeError("usage", `rule ${index + 1} (${rule}) matches ${found}`);
  }
}

/** A written-out scheme names tensors too: a name that no tensor has is a mistake there as well. */
function checkPatterns({ name, rules }: Recipe, model: Model, options: PlanOptions): void {
  if (options.allowUnmatchedRules || options.pure) return;
  for (const [index, { match }] of rules.entries()) {
    if (match === undefined || model.tensors.some((tensor) => new RegExp(match).test(tensor.name))) continue;
    throw new QuantizeError("usage", `scheme ${name}, rule ${index + 1}: no tensor matches ${match}`);
  }
}

function checkCompatible(choices: readonly TypeChoice[]): void {
  const misfits = choices.flatMap(({ tensor, reason }) => {
    return reason.code === "misfit" ? [`${tensor.name} (${misfitText(reason.misfit)})`] : [];
  });
  if (misfits.length === 0) return;
  const shown = misfits.slice(0, 8);
  throw new QuantizeError(
    "incompatible",
    `${misfits.length} of ${choices.length} tensors cannot take what was asked for: ` +
      shown.join(", ") +
      (misfits.length > shown.length ? ", ..." : ""),
  );
}

/** What `chooseTypes` decides. */
export interface Choices {
  readonly recipe: Recipe;
  /** The user's rules, checked. */
  readonly rules: readonly Rule[];
  /** One for each tensor, in the order in which they came. */
  readonly choices: readonly TypeChoice[];
  readonly ruleHits: readonly RuleHits[];
}

/**
 * Decides for all tensors.
 * @param tensors in output order, because some rules count
 */
export function chooseTypes(model: Model, tensors: readonly Tensor[], options: PlanOptions): Choices {
  const recipe = typeof options.scheme === "string" ? findScheme(options.scheme) : options.scheme;
  const rules = (options.rules ?? []).map((rule, index) =>
    typeof rule === "string" ? parseTensorRule(rule) : checkRule(rule, `rule ${index + 1}`),
  );
  const { outputType, embeddingType } = typeOptions(options);
  const layout = checkLayout(options.layout ?? recipe.layout ?? "rows", "--layout");
  const tables = options.tables ?? recipe.tables ?? "auto";
  const facts = modelFacts(model);
  const context = { facts, hasImatrix: options.imatrix !== undefined, type: recipe.type };
  const byUser = ruleChooser(rules, context);
  const byScheme = ruleChooser(options.pure ? [] : recipe.rules, context);
  const hits = rules.map(() => 0);

  function requestFor(tensor: Tensor): TypeRequest {
    const role = roleOf(tensor.name);
    if (role === "token_embd" && embeddingType !== undefined)
      return { layout, tables, type: embeddingType, chooser: { by: "embedding-type" } };
    if (role === "output" && outputType !== undefined)
      return { layout, tables, type: outputType, chooser: { by: "output-type" } };
    const index = byUser(tensor);
    const user = rules[index];
    if (user !== undefined) hits[index]! += 1;
    const request = { layout: user?.layout ?? layout, tables: user?.tables ?? tables };
    if (user?.type !== undefined)
      return {
        ...{ ...request, type: user.type, chooser: { by: "rule", number: index + 1 } },
        namesStored: user.from !== undefined,
      };
    // A tied embedding is the output too, but there llama.cpp lets rules come first, and none with --pure.
    const isTiedOutput = role === "token_embd" && facts.isTied && !options.pure;
    if (isTiedOutput && outputType !== undefined)
      return { ...request, type: outputType, chooser: { by: "output-type" } };
    if (isMoved(model, tensor, recipe, options))
      return { ...request, type: "keep", chooser: { by: "stored-type", codec: tensor.codec } };
    const line = recipe.rules[byScheme(tensor)];
    return {
      layout: user?.layout ?? line?.layout ?? layout,
      tables: user?.tables ?? line?.tables ?? tables,
      type: line?.type ?? recipe.type,
      chooser: chooserOf(line, tensor),
      namesStored: line?.from !== undefined,
    };
  }

  const choices = tensors.map((tensor) => {
    const kept = reasonToKeep(tensor, options);
    const request = kept === undefined ? requestFor(tensor) : undefined;
    const choice =
      request === undefined
        ? keptChoice(model, tensor, kept!)
        : adaptToShape(tensor, request, options.onIncompatible === "keep");
    checkSource(tensor, choice.codec, request?.namesStored || (options.allowRequantize ?? false));
    return choice;
  });
  const ruleHits = rules.map((rule, index) => ({ rule: describeRule(rule), hits: hits[index]! }));
  if (!options.allowUnmatchedRules) checkHits(ruleHits, rules, model, options.overridingRules ?? 0);
  if (options.onIncompatible === "error") checkCompatible(choices);
  checkPatterns(recipe, model, options);
  return { choices, recipe, rules, ruleHits };
}

function typeOptions({ outputType, embeddingType }: PlanOptions) {
  return {
    outputType: outputType === undefined ? undefined : findType(outputType, "--output-type"),
    embeddingType: embeddingType === undefined ? undefined : findType(embeddingType, "--embedding-type"),
  };
}
