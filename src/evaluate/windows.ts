/**
 * A text as windows of tokens: whole windows of `context` tokens, the first token of each replaced by the one that
 * begins a text where the vocabulary adds one (as llama-perplexity and llama-imatrix do).
 */
import { QuantizeError } from "../errors.ts";
import { LARGEST_ANGLE } from "../forward/numerics/elementary.ts";
import type { ModelWeights } from "../forward/weights.ts";

export interface Windows {
  readonly context: number;
  readonly count: number;
  /** As they go into the model, on shared memory. */
  readonly tokens: Int32Array;
  /** As they stand in the text. */
  readonly targets: Int32Array;
}

/** Tokens of a window when nobody says, as in llama.cpp. */
export const DEFAULT_CONTEXT = 512;
/** Fewer tokens are no context to learn anything from. */
const LEAST_CONTEXT = 8;
/** Rotary positions are exact up to here, and no model was made for more. */
export const MOST_CONTEXT = LARGEST_ANGLE;

/** @throws QuantizeError `usage` for windows that are too short or too long */
export function checkContext(context: number): void {
  if (context >= LEAST_CONTEXT && context <= MOST_CONTEXT) return;
  throw new QuantizeError("usage", `a context of ${context} tokens, expected ${LEAST_CONTEXT} to ${MOST_CONTEXT}`);
}

/**
 * @param bos what begins a text; absent: nothing does
 * @param chunks windows at most; default: all
 * @throws QuantizeError `usage` when the text has fewer than two windows
 */
export function cutWindows(
  ids: Int32Array,
  options: {
    readonly context: number;
    readonly bos?: number | undefined;
    readonly chunks?: number | undefined;
    readonly where: string;
  },
): Windows {
  const { context, bos, chunks = Infinity, where } = options;
  checkContext(context);
  if (ids.length < 2 * context) {
    throw new QuantizeError(
      "usage",
      `${where}: expected at least ${2 * context} tokens (two windows of ${context}), found ${ids.length}`,
    );
  }
  return makeWindows(ids.subarray(0, Math.min(Math.floor(ids.length / context), chunks) * context), context, bos);
}

/** Windows of these tokens, which must be whole windows. */
export function makeWindows(ids: Int32Array, context: number, bos: number | undefined): Windows {
  const tokens = new Int32Array(new SharedArrayBuffer(ids.byteLength));
  const targets = new Int32Array(new SharedArrayBuffer(ids.byteLength));
  tokens.set(ids);
  targets.set(ids);
  const count = ids.length / context;
  if (bos !== undefined) for (let window = 0; window < count; window++) tokens[window * context] = bos;
  return { context, count, tokens, targets };
}

/** @throws QuantizeError `bad-data` for a token that the model does not have */
export function checkWindows(
  { model, weights }: { readonly model: { readonly path: string }; readonly weights: ModelWeights },
  { tokens, targets }: Windows,
): void {
  for (const ids of [tokens, targets]) {
    const wrong = ids.findIndex((id) => !(id >= 0 && id < weights.vocabulary));
    if (wrong < 0) continue;
    throw new QuantizeError(
      "bad-data",
      `${model.path}: token ${wrong} of the text: expected an id below ${weights.vocabulary} ` +
        `(rows of ${weights.embedding.tensor.name}), found ${ids[wrong]}`,
    );
  }
}
