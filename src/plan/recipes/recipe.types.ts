/**
 * A recipe: which type every tensor gets, as data. llama.cpp's mixes are recipes, a user's file is one, and the rules
 * of the command line are recipe rules put before all others.
 */
import type { Layers } from "./layers.ts";
import type { Role } from "./tensor-role.ts";

/** Conditions; all that are given must hold: see `RULE_CONDITIONS`. */
export interface RuleConditions {
  /**
   * The type in which the tensor is stored, `codebook` for all of ours, or one of several. Who names it knows that it
   * is quantized already: such a rule needs no permission to encode it anew.
   */
  readonly from?: string | readonly string[];
  /** Regular expression, found anywhere in the tensor's name. */
  readonly match?: string;
  /** The role, or one of several. `output` is also the token embedding when the model has no output tensor. */
  readonly role?: Role | readonly Role[];
  readonly layers?: Layers;
  /** Query heads per key/value head, at least. */
  readonly gqa?: number;
  /** Experts of the model, exactly. */
  readonly experts?: number;
  /** Whether an importance matrix is given. */
  readonly imatrix?: boolean;
  /** `general.architecture`, or one of several. */
  readonly architecture?: string | readonly string[];
  /** True for models of the 70B class (80 layers, shared key/value heads): see model-facts.ts. */
  readonly is70B?: boolean;
  /** Whether the tensor holds several matrices (stacked experts). */
  readonly stacked?: boolean;
  /** Whether its rows divide by the block size of the recipe's own type. */
  readonly rowsFit?: boolean;
}

/** Conditions and what follows from them. The first rule that holds decides; what it leaves out, the recipe says. */
export interface Rule extends RuleConditions {
  /** A type's name, or `keep` to leave the tensor as it is stored. */
  readonly type?: string;
  readonly layout?: string;
  /** Tables per slice, for codebook types. */
  readonly tables?: number | "auto";
}

export interface Recipe {
  /** The name people know it by. */
  readonly name: string;
  /** The type of every tensor that may be quantized and that no rule names. */
  readonly type: string;
  readonly rules: readonly Rule[];
  readonly layout?: string;
  readonly tables?: number | "auto";
  /** llama.cpp's number for files of this kind (`general.file_type`); undefined where it has none. */
  readonly fileType?: number;
  /** Types that this recipe only takes with importance, embeddings and output excepted. */
  readonly needsImatrix?: readonly string[];
}
