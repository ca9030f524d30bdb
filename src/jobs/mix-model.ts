/** A plan for a size: types for each tensor, so that the model loses least. */
import type { Sensitivity } from "../calibrate/sensitivity.types.ts";
import { QuantizeError } from "../errors.ts";
import { mixTypes, type TypeMix, type TypeOption } from "../plan/mix-types.ts";
import { planConversion } from "../plan/plan-conversion.ts";
import type { Plan, PlanOptions } from "../plan/plan.ts";
import { recipeForModel } from "../plan/recipe-for-model.ts";
import type { Recipe } from "../plan/recipes/recipe.types.ts";
import { findType, plainRecipe } from "../plan/recipes/schemes.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { elementCount, type Model } from "../read/model.ts";
import { formatBits, formatBytes } from "../text/format-number.ts";
import { unknownName } from "../text/nearest-name.ts";
import { planOutputHeader, type HeaderOptions } from "../write/output-header.ts";
import { planFileSizes } from "../write/output-set.ts";

/** How large: bits for each weight of the model, learned tables counted, or bytes of the files. */
export type MixTarget = { readonly bitsPerWeight: number } | { readonly bytes: number };

/** Options of the plan, without a scheme; and which of the measured types to mix, all by default. */
export interface MixOptions extends Omit<PlanOptions, "scheme"> {
  readonly candidates?: readonly string[];
}

export interface Mix {
  /** Its scheme is the mix, as rules that name the model's tensors: a recipe to check in. */
  readonly plan: Plan;
  readonly bitsPerWeight: number;
  /** With room for whatever a calibration or an evaluation adds. */
  readonly fileBytes: number;
  /** Sum of the divergences that were measured or follow from them, and what no mix of these types can be below. */
  readonly estimatedDivergence: number;
  readonly bound: number;
}

/** Times that the room for tensors is corrected by what header and padding take. */
const CORRECTIONS = 8;

/** The most that a calibration and an evaluation add to the manifest: for themselves, and for each tensor. */
const FINDINGS_BYTES = 4096;
const FINDINGS_BYTES_PER_TENSOR = 64;

const weightsOf = (model: Model): number => model.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);

const tensorBytes = (plan: Plan): number =>
  plan.tensors.reduce((sum, planned) => sum + planned.byteLength + learnedBytes(planned), 0);

/**
 * Mixes types for a model.
 * @param options rules and types of single tensors hold as in every plan: what they decide is not mixed
 * @param header what decides how long the files' headers are
 * @throws QuantizeError `usage` when the smallest types are too large, `unknown-name` for a candidate that was not
 * measured, and as `planConversion`
 */
export function mixModel(
  model: Model,
  sensitivity: Sensitivity,
  target: MixTarget,
  { candidates: wanted, ...options }: MixOptions,
  header: HeaderOptions = {},
): Mix {
  const candidates = candidatesOf(sensitivity, wanted);
  const choicesOf = typeOptions(model, sensitivity, candidates, options);
  const weights = weightsOf(model);
  const findingsBytes = FINDINGS_BYTES + FINDINGS_BYTES_PER_TENSOR * model.tensors.length;
  const fileBytes = (plan: Plan): number =>
    planFileSizes(plan, planOutputHeader(plan, header)).reduce((sum, file) => sum + file.byteLength, findingsBytes);
  const size = (plan: Plan): number => ("bytes" in target ? fileBytes(plan) : tensorBytes(plan));
  const most = "bytes" in target ? target.bytes : Math.floor((target.bitsPerWeight * weights) / 8);

  const planOf = (mix: TypeMix): Plan => planMix(model, choicesOf, mix, options);
  // What is not in the mix (norms, header, padding) is about the same whatever the mix.
  const largest = mixTypes([...choicesOf.values()], Infinity);
  let room = most - (size(planOf(largest)) - largest.bytes);
  for (let attempt = 0; attempt < CORRECTIONS; attempt++) {
    const mix = mixTypes([...choicesOf.values()], room);
    const plan = planOf(mix);
    const excess = size(plan) - most;
    if (excess > 0) {
      room -= excess;
      continue;
    }
    const reached = (8 * tensorBytes(plan)) / weights;
    return {
      plan: { ...plan, mixed: mixNote(target, reached, fileBytes(plan), mix) },
      bitsPerWeight: reached,
      fileBytes: fileBytes(plan),
      estimatedDivergence: mix.loss,
      bound: mix.bound,
    };
  }
  throw new QuantizeError("usage", `no mix of ${candidates.join(", ")} has the target's size: give a larger one`);
}

function candidatesOf({ candidates }: Sensitivity, wanted: readonly string[] | undefined): readonly string[] {
  if (wanted === undefined) return candidates;
  const types = [...new Set(wanted.map((name) => findType(name, "--candidates")))];
  for (const type of types) if (!candidates.includes(type)) throw unknownName("measured type", type, candidates);
  return types;
}

/** What each measured tensor may become, by name. A tensor whose type is the same whatever is asked for has one option. */
function typeOptions(
  model: Model,
  { tensors, reference }: Sensitivity,
  candidates: readonly string[],
  { layout: _, ...options }: Omit<PlanOptions, "scheme">,
): Map<string, readonly TypeOption[]> {
  const plans = candidates.map((scheme) => {
    const plan = planConversion(model, { ...options, scheme, pure: true });
    return new Map(plan.tensors.map((planned) => [planned.tensor.name, planned]));
  });
  return new Map(
    tensors.map(({ name, types, divergence }) => {
      const measured = types[reference]!.nmse;
      const all = plans.map((plan, i): TypeOption => {
        const planned = plan.get(name)!;
        const { nmse } = types[candidates[i]!]!;
        const loss = measured === 0 ? 0 : (divergence * nmse) / measured;
        return { codec: planned.codec, bytes: planned.byteLength + learnedBytes(planned), loss };
      });
      const isFixed = candidates.length > 1 && all.every(({ codec }) => codec === all[0]!.codec);
      return [name, isFixed ? [{ ...all[0]!, loss: 0 }] : all];
    }),
  );
}

/** The mix as rules of names, written as shortly as they can be, and planned. Matrices that nothing is known of get the commonest type. */
function planMix(
  model: Model,
  choicesOf: ReadonlyMap<string, readonly TypeOption[]>,
  { choices }: TypeMix,
  { layout, ...options }: Omit<PlanOptions, "scheme">,
): Plan {
  const escape = (name: string): string => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const chosen = [...choicesOf].map(([name, own], i) => ({ name, ...own[choices[i]!]! }));
  const bytes = new Map<string, number>();
  for (const { codec, bytes: own } of chosen) bytes.set(codec, (bytes.get(codec) ?? 0) + own);
  const [commonest] = [...bytes].reduce((most, type) => (type[1] > most[1] ? type : most));
  const rules = chosen.map(({ name, codec }) => ({ match: `^${escape(name)}$`, type: codec }));
  const named = planConversion(model, { ...options, scheme: { ...plainRecipe(commonest), name: "mixed", rules } });
  const scheme = { ...(recipeForModel(named).scheme as Recipe), ...(layout !== undefined && { layout }) };
  return planConversion(model, { ...options, scheme });
}

/** What was asked for and what it came to. */
function mixNote(target: MixTarget, bits: number, bytes: number, { loss, bound }: TypeMix): string {
  const asked = "bytes" in target ? formatBytes(target.bytes) : `${target.bitsPerWeight} bits per weight`;
  const reached = "bytes" in target ? `at most ${formatBytes(bytes)}` : `${formatBits(bits)} bits`;
  const gap =
    loss > 0 ? `, at most ${((100 * (loss - bound)) / loss).toFixed(1)}% from the best mix of these types` : "";
  return `for ${asked}: ${reached}, estimated KL ${loss.toPrecision(3)} of plain rounding${gap}`;
}
