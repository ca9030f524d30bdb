/** A recipe as people write it and manifests keep it: everything that decides the bytes of a conversion. */
import type { Effort } from "../../codecs/codec.ts";
import type { Compat } from "../write/carrier.ts";
import type { StatedOptions } from "./plan.types.ts";
import type { Recipe, Rule } from "./recipe.types.ts";

export interface RecipeFile extends StatedOptions {
  /** By name, or written out. */
  readonly scheme: string | Recipe;
  /** Put before the scheme's own rules. */
  readonly rules?: readonly Rule[];
  /** How hard codebooks are fitted and searched: an option of the run, kept here because it decides bytes. */
  readonly effort?: Effort;
  /** Type numbers of that program for packed tensors: an option of the run too. */
  readonly compat?: Compat;
  readonly imatrix?: {
    /** Looked for where the user stands, then beside the recipe. */
    readonly file: string;
    /** Of the file: another matrix gives other bytes. */
    readonly sha256?: string;
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
  };
}
