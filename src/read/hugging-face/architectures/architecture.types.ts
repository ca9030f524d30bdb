/** What has to be known of a model architecture to turn its Hugging Face folder into GGUF: data, one file for each. */
import type { MappedArray } from "../../stored-array.types.ts";
import type { JsonObject } from "../../json-text.ts";
import type { MetadataValue } from "../../model.ts";
import type { Config } from "../config.ts";
import type { Arrangement } from "../rearrange.ts";
import type { SpecialTokenRules } from "../vocabulary/special-tokens.ts";

/**
 * How a tensor is called on either side. `{}` stands for the layer's number, `{e}` for that of an expert or of
 * another member of a stack: all of them become one tensor with one more dimension.
 *
 * A name without an ending stands for what it is with `.weight` and `.bias`, which keep their endings; a name that is
 * all of the tensor's name has the whole name on the other side too. Several rules may have one name on the left (a
 * tensor that is cut) or on the right (the forms in which checkpoints have it).
 */
export interface TensorRule {
  readonly from: string;
  readonly to: string;
  /** True when both names are all of a tensor's name though neither shows an ending. */
  readonly whole?: boolean;
  /** True when models may lack it. Biases may always be missing. */
  readonly optional?: boolean;
  /** The layers that must have it. Default: all. */
  readonly layers?: (layer: number, config: Config) => boolean;
  /** Members of its stack. Default: the architecture's experts. */
  readonly members?: (config: Config) => number;
  /** How its axes become those of the target: one piece, or several, one behind the other along the outermost axis. */
  readonly pieces?: readonly Arrangement[];
  /** A function of every number; the result is f32. */
  readonly map?: Exclude<MappedArray["map"], "none">;
}

/** One key of the metadata: its name without the architecture's in front, and its value, undefined for none. */
export interface MetadataRule {
  readonly key: string;
  readonly value: (config: Config) => MetadataValue | undefined;
}

/** Ways to scale rotary frequencies beyond those that every architecture of llama.cpp follows (linear, yarn). */
export type RopeFeature =
  /** Llama 3.1's factors, as the tensor `rope_freqs.weight`. */
  | "llama3"
  /** Phi 3's two lists of factors, as tensors. */
  | "longrope"
  /** Hunyuan's: the base frequency is raised. */
  | "dynamic";

/** The text that a match of a pattern is replaced by. */
export type Replacer = (match: string, ...groups: string[]) => string;

export interface Architecture {
  /** Names under `architectures` in `config.json`. */
  readonly huggingFace: readonly string[];
  /** `general.architecture`; of some classes it depends on the config. */
  readonly gguf: string | ((config: Config) => string);
  /** Keys that configs leave out where they are as the architecture's own code takes them. */
  readonly defaults?: JsonObject;
  readonly tensors: readonly TensorRule[] | ((config: Config) => readonly TensorRule[]);
  /** Beginnings of names that some folders have and others do not. */
  readonly prefixes?: readonly string[];
  /** Names (without such beginnings) that mean others: patterns, and what is put in their place. */
  readonly renamed?: (config: Config) => readonly (readonly [pattern: RegExp, replacement: string | Replacer])[];
  /** Names of tensors that are no part of what is converted. */
  readonly dropped?: readonly RegExp[];
  /** What becomes of layers behind the last one, which predict more than the next token. Default: they are an error. */
  readonly layersBehind?: "drop" | "keep";
  /** Keys beyond the common ones, or instead of them. */
  readonly metadata?: readonly MetadataRule[];
  /** Common keys that it does not have. */
  readonly without?: readonly string[];
  readonly rope?: readonly RopeFeature[];
  /** Rotated weights of a head. Default: all of it. */
  readonly ropeDimension?: (config: Config) => number;
  readonly specialTokens?: SpecialTokenRules;
  /** True when `modules.json` may say how a text's vector is made. */
  readonly pools?: boolean;
  /** Sentences for people about what differs from the original by llama.cpp's doing. */
  readonly notes?: (config: Config) => readonly string[];
}
