/** A vocabulary as it goes into metadata, whatever kind it is of. */
import type { MetadataValue } from "../../model.ts";
import type { TokenList } from "./token-list.ts";

export interface Vocabulary {
  /** `tokenizer.ggml.model`. */
  readonly model: "llama" | "gpt2" | "bert" | "t5";
  /** `tokenizer.ggml.pre`; absent where nothing is known to cut text so. */
  readonly pre?: string;
  readonly list: TokenList;
  readonly hasScores: boolean;
  /** Pairs in the order in which they are joined, for the kind that needs them. */
  readonly merges?: readonly string[];
  /** True where llama.cpp guesses whether a text gets a begin and an end, so that both are to be stated. */
  readonly statesFlags: boolean;
  /** Further keys, without `tokenizer.ggml.` in front. */
  readonly extra: readonly (readonly [key: string, value: MetadataValue])[];
  /** What people should know, a sentence each. */
  readonly notes: readonly string[];
}
