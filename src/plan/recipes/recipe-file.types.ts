/** A recipe as people write it and manifests keep it: everything that decides the bytes of a conversion. */
import type { CalibrationChoices } from "./calibration-choices.ts";
import type { Effort } from "../../../codecs/codec.ts";
import type { Compat } from "../../../layouts/compat.ts";
import type { IncompatiblePolicy } from "./incompatible-policy.ts";
import type { Recipe, Rule } from "./recipe.types.ts";

/** The options that a recipe file states in the same words. */
export interface StatedOptions {
  /** Memory order of every tensor that is used in matrix products; default `rows`. */
  readonly layout?: string;
  /** A rule that decides nothing is no error. */
  readonly allowUnmatchedRules?: boolean;
  /** Tables per slice of codebook tensors, 1 to 256; default `auto`. */
  readonly tables?: number | "auto";
  /** Fixed tables of that name (`FIXED_TABLE_NAMES`) instead of learned ones; scale levels are learned all the same. */
  readonly tablesFrom?: string;
  /** Default `fallback`. */
  readonly onIncompatible?: IncompatiblePolicy;
  /** Encode tensors anew that are quantized already. */
  readonly allowRequantize?: boolean;
  /** The scheme's type for every tensor: no rules of the mix. Rules of the user still hold. */
  readonly pure?: boolean;
  /** Type of the output tensor, before all rules. */
  readonly outputType?: string;
  /** Type of the token embeddings, before all rules. */
  readonly embeddingType?: string;
  /** Leave the output tensor as it is stored. */
  readonly leaveOutput?: boolean;
  /** `key=int|float|bool|str:value`: metadata to set. */
  readonly overrideKv?: readonly string[];
  /** As many output files as the input has, with the same tensors in each, in their order. */
  readonly keepSplit?: boolean;
  /** A new output file wherever the tensors of one would take more bytes than this. */
  readonly splitMaxBytes?: number;
}

export interface RecipeFile extends StatedOptions {
  /** By name, or written out. */
  readonly scheme: string | Recipe;
  /** Put before the scheme's own rules. */
  readonly rules?: readonly Rule[];
  /** How hard codebooks are fitted and searched: an option of the run, kept here because it decides bytes. */
  readonly effort?: Effort;
  /** Type numbers of that program for packed tensors: an option of the run too. */
  readonly compat?: Compat;
  /** Codes chosen against what the model computes: an option of the run too. */
  readonly calibrate?: CalibrationChoices;
  readonly imatrix?: {
    /** Looked for where the user stands, then beside the recipe. */
    readonly file: string;
    /** Of the file: another matrix gives other bytes. */
    readonly sha256?: string;
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
  };
}
