/**
 * The type and layout of every tensor. In llama.cpp's order: tensors that are never quantized, `embeddingType`,
 * `outputType`, the user's rules, the scheme's rules, then what the shape allows.
 */
import { findFormat } from "../../codecs/registry.ts";
import { findWeave } from "../../layouts/registry.ts";
import { QuantizeError } from "../errors.ts";
import { rowCount, sliceCount, type Model, type Tensor } from "../read/model.ts";
import { ruleChooser } from "./choose-rule.ts";
import { whyKept } from "./eligibility.ts";
import { modelFacts } from "./model-facts.ts";
import type { PlanOptions, RuleHits } from "./plan.types.ts";
import type { Recipe, Rule } from "./recipe.types.ts";
import { resolveLayout } from "./resolve-target.ts";
import { findScheme, findType } from "./schemes.ts";
import { rowsFit, shapeFallback } from "./shape-fallback.ts";
import { isRowLookup, roleOf } from "./tensor-role.ts";
import { checkLayout, checkRule, describeRule, parseTensorRule } from "./tensor-rule.ts";

/** What a tensor becomes, before sizes. */
export interface TypeChoice {
  readonly tensor: Tensor;
  readonly codec: string;
  readonly layout: string;
  readonly tables: number | "auto";
  readonly reason: string;
  readonly isFallback: boolean;
}

/** What was asked for, for one tensor. */
interface Wish {
  readonly type: string;
  readonly layout: string;
  readonly tables: number | "auto";
  readonly reason: string;
}

/** A type that a GGUF file can hold without loss of the tensor's values: its own, where GGUF has a number for it. */
function storableType(tensor: Tensor): string {
  const format = findFormat(tensor.codec);
  return format === undefined || format.ggmlType !== undefined || format.kind === "codebook" ? tensor.codec : "f16";
}

/** What becomes of tensors that are not quantized: GGUF files of every converter hold small tensors in f32. */
function keptType(model: Model, tensor: Tensor): string {
  return model.format === "safetensors" && findFormat(tensor.codec)?.kind === "float" ? "f32" : storableType(tensor);
}

/** Why the rows of a tensor cannot take a layout, or undefined when they can. */
function layoutProblem(tensor: Tensor, codec: string, layout: string): string | undefined {
  const format = findFormat(codec);
  const weave = format === undefined ? undefined : findWeave(format, layout);
  if (weave === undefined) return `${codec} does not come in ${layout}`;
  const rows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  return rows % weave.rowsPerGroup === 0 ? undefined : `${rows} rows do not divide by ${weave.rowsPerGroup}`;
}

/** Refuses to lose quality twice without being told to. */
function checkSource(tensor: Tensor, codec: string, allowRequantize: boolean): void {
  if (codec === tensor.codec) return;
  const stored = findFormat(tensor.codec);
  const name = `tensor "${tensor.name}"`;
  if (stored === undefined)
    throw new QuantizeError("unsupported", `${name} is stored as ${tensor.codec}, which cannot be read as weights`);
  if (stored.kind !== "float" && !allowRequantize)
    throw new QuantizeError(
      "unsupported",
      `${name} is already quantized (${tensor.codec}); quantizing it again to ${codec} loses more, ` +
        `and happens only with --allow-requantize`,
    );
}

/** Fits a wish to the tensor's shape. */
function fitWish(tensor: Tensor, wish: Wish, keep: boolean): TypeChoice {
  const rowLength = tensor.shape[0]!;
  const { tables } = wish;
  const wanted = wish.type === "keep" ? storableType(tensor) : wish.type;
  let codec = wanted;
  let reason = wish.type === "keep" ? `${wish.reason}: keep` : wish.reason;
  let isFallback = false;
  if (wanted !== tensor.codec && !rowsFit(wanted, rowLength)) {
    codec = keep ? storableType(tensor) : shapeFallback(wanted, rowLength);
    reason = `${keep ? "kept" : "fallback"}: rows of ${rowLength} do not divide by ${findFormat(wanted)!.blockSize} (${wanted})`;
    isFallback = true;
  }
  let layout = resolveLayout(wish.layout, findFormat(codec), rowCount(tensor.shape) / sliceCount(tensor.shape));
  if (layout !== "rows") {
    const isMatrix = whyKept(tensor) === undefined && findFormat(codec)?.kind !== "float" && !isRowLookup(tensor.name);
    const problem = isMatrix ? layoutProblem(tensor, codec, layout) : undefined;
    if (problem !== undefined && !isFallback) {
      reason = `rows: ${problem}`;
      isFallback = true;
    }
    if (!isMatrix || problem !== undefined) layout = "rows";
  }
  return { tensor, codec, layout, tables, reason, isFallback };
}

/** The user's rules, checked. */
function userRules(options: PlanOptions): readonly Rule[] {
  return (options.rules ?? []).map((rule, index) =>
    typeof rule === "string" ? parseTensorRule(rule) : checkRule(rule, `rule ${index + 1}`),
  );
}

/** Rules that decided nothing are mistakes, nearly always of spelling. */
function checkHits(hits: readonly RuleHits[], model: Model, rules: readonly Rule[]): void {
  const idle = hits.findIndex(({ hits: count }) => count === 0);
  if (idle < 0) return;
  const { match } = rules[idle]!;
  const named = match === undefined ? [] : model.tensors.filter(({ name }) => new RegExp(match).test(name));
  const found =
    named.length === 0
      ? "no tensor"
      : `only tensors that earlier rules decide or that are never quantized (${named[0]!.name}${named.length > 1 ? ", ..." : ""})`;
  throw new QuantizeError("usage", `rule ${idle + 1} (${hits[idle]!.rule}) matches ${found}`);
}

/** Decides for all tensors, which come in output order. */
export function chooseTypes(model: Model, tensors: readonly Tensor[], options: PlanOptions) {
  const recipe: Recipe = typeof options.scheme === "string" ? findScheme(options.scheme) : options.scheme;
  const rules = userRules(options);
  const outputType = options.outputType === undefined ? undefined : findType(options.outputType, "--output-type");
  const embeddingType =
    options.embeddingType === undefined ? undefined : findType(options.embeddingType, "--embedding-type");
  const context = { facts: modelFacts(model), hasImatrix: options.imatrix !== undefined, type: recipe.type };
  const byUser = ruleChooser(rules, context);
  const byScheme = ruleChooser(options.pure ? [] : recipe.rules, context);
  const hits = rules.map(() => 0);
  const base = {
    layout: checkLayout(options.layout ?? recipe.layout ?? "rows", "--layout"),
    tables: options.tables ?? recipe.tables ?? ("auto" as const),
  };

  function wishFor(tensor: Tensor): Wish {
    const role = roleOf(tensor.name);
    if (role === "token_embd" && embeddingType !== undefined)
      return { ...base, type: embeddingType, reason: "--embedding-type" };
    if (role === "output" && outputType !== undefined) return { ...base, type: outputType, reason: "--output-type" };
    const index = byUser(tensor);
    const rule = rules[index];
    if (rule !== undefined) hits[index]! += 1;
    const given = {
      layout: rule?.layout === undefined ? base.layout : rule.layout,
      tables: rule?.tables ?? base.tables,
    };
    if (rule?.type !== undefined) return { ...given, type: rule.type, reason: `rule ${index + 1}` };
    const isTiedOutput = role === "token_embd" && context.facts.isTied && outputType !== undefined;
    if (isTiedOutput && !options.pure) return { ...given, type: outputType, reason: "--output-type" };
    const line = recipe.rules[byScheme(tensor)];
    const type = line?.type ?? recipe.type;
    return {
      layout: rule?.layout ?? line?.layout ?? base.layout,
      tables: rule?.tables ?? line?.tables ?? base.tables,
      type,
      reason: line?.type === undefined ? "scheme" : "mix",
    };
  }

  function choose(tensor: Tensor): TypeChoice {
    const kept = options.leaveOutput && tensor.name === "output.weight" ? "--leave-output" : whyKept(tensor);
    const choice =
      kept === undefined
        ? fitWish(tensor, wishFor(tensor), options.onIncompatible === "keep")
        : {
            ...{ tensor, codec: keptType(model, tensor), layout: "rows", tables: base.tables },
            ...{ reason: `kept: ${kept}`, isFallback: false },
          };
    checkSource(tensor, choice.codec, options.allowRequantize ?? false);
    return choice;
  }

  const choices = tensors.map(choose);
  const ruleHits = rules.map((rule, index) => ({ rule: describeRule(rule), hits: hits[index]! }));
  if (!options.allowUnmatchedRules) checkHits(ruleHits, model, rules);
  const misfits = choices.filter((choice) => choice.isFallback);
  if (options.onIncompatible === "error" && misfits.length > 0)
    throw new QuantizeError(
      "incompatible",
      `${misfits.length} of ${choices.length} tensors cannot take what was asked for: ` +
        misfits
          .slice(0, 8)
          .map((choice) => `${choice.tensor.name} (${choice.reason.replace(/^\w+: /, "")})`)
          .join(", ") +
        (misfits.length > 8 ? ", ..." : ""),
    );
  return { choices, recipe, ruleHits, warnings: [] as string[] };
}
