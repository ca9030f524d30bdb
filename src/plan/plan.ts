/**
 * A plan: everything that is decided before the first weight is read. Pure data, made by `planConversion` and carried
 * out by the engine.
 */
import type { Imatrix } from "../imatrix/imatrix.types.ts";
import type { Metadata, Model, Tensor } from "../read/model.ts";
import type { Reason } from "./reason.ts";
import type { RecipeFile, StatedOptions } from "./recipes/recipe-file.types.ts";
import type { Recipe, Rule } from "./recipes/recipe.types.ts";

/** What a plan is made from, beside the model. */
export interface PlanOptions extends StatedOptions {
  /** A scheme's name, or a recipe. */
  readonly scheme: string | Recipe;
  /** Rules before the scheme's own, first match wins: `re=type@layout`, or as data. */
  readonly rules?: readonly (string | Rule)[];
  /** The first so many rules are meant to override others, which may then be left without a tensor. */
  readonly overridingRules?: number;
  readonly imatrix?: Imatrix;
}

/** What happens to one tensor. */
export interface TensorPlan {
  readonly tensor: Tensor;
  /** Target block format. Equal to the tensor's own: the bytes are copied (after unpacking and packing). */
  readonly codec: string;
  /** Target memory order: a layout name, or `rows`. */
  readonly layout: string;
  /** Tables per slice for codebook formats. */
  readonly tables?: number;
  /** Name of fixed tables, which are not learned. */
  readonly tablesFrom?: string;
  /** Importance of each column, `shape[0] * slices` values, slice after slice. */
  readonly importance?: Float32Array;
  /** Why this codec and layout. */
  readonly reason: Reason;
  /** Which of the output's files holds it, from 0. */
  readonly file: number;
  /** First byte in the data section of that file, and size without padding. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** True when a tensor's bytes stay what they are, but for their order. */
export function isCopy({ tensor, codec }: TensorPlan): boolean {
  return tensor.codec === codec;
}

/** How often a rule of the user decided. */
export interface RuleHits {
  readonly rule: string;
  readonly hits: number;
}

/** A conversion, ready to run. */
export interface Plan {
  readonly model: Model;
  /** In output order. */
  readonly tensors: readonly TensorPlan[];
  /** Files of the output, at least 1; they are named by `outputPaths`. */
  readonly fileCount: number;
  /** The output's metadata, in its first file: the source's, `general.file_type`, ... without the manifest and the codebooks. */
  readonly metadata: Metadata;
  /** Data alignment of the output, a power of two. */
  readonly alignment: number;
  /** The scheme, by name. */
  readonly scheme: string;
  /** What was asked for, in full: planned again from it, the same model gives the same bytes. For the manifest. */
  readonly recipe: RecipeFile;
  readonly ruleHits: readonly RuleHits[];
  /** Things people should know, a sentence each. */
  readonly warnings: readonly string[];
  /** How a mix for a size came to be, in a sentence. */
  readonly mixed?: string;
}
