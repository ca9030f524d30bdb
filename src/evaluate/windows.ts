/**
 * A text as windows of tokens: whole windows of `context` tokens, the first token of each replaced by the one that
 * begins a text where the vocabulary adds one (as llama-perplexity and llama-imatrix do).
 */
import { QuantizeError } from "../errors.ts";

export interface Windows {
  readonly context: number;
  readonly count: number;
  /** As they go into the model, on shared memory. */
  readonly tokens: Int32Array;
  /** As they stand in the text. */
  readonly targets: Int32Array;
}

/** Fewer tokens are no context to learn anything from. */
const LEAST_CONTEXT = 8;

/**
 * @param bos what begins a text; absent: nothing does
 * @param chunks windows at most; default: all
 * @throws QuantizeError `usage` when the text has fewer than two windows
 */
export function cutWindows(
  ids: Int32Array,
  options: { readonly context: number; readonly bos?: number; readonly chunks?: number; readonly where: string },
): Windows {
  const { context, bos, chunks = Infinity, where } = options;
  if (context < LEAST_CONTEXT)
    throw new QuantizeError("usage", `a context of ${context}, expected at least ${LEAST_CONTEXT}`);
  if (ids.length < 2 * context) {
    throw new QuantizeError(
      "usage",
      `${where}: expected at least ${2 * context} tokens (two windows of ${context}), found ${ids.length}`,
    );
  }
  const count = Math.min(Math.floor(ids.length / context), chunks);
  const tokens = new Int32Array(new SharedArrayBuffer(count * context * 4));
  tokens.set(ids.subarray(0, count * context));
  const targets = new Int32Array(new SharedArrayBuffer(count * context * 4));
  targets.set(tokens);
  if (bos !== undefined) for (let window = 0; window < count; window++) tokens[window * context] = bos;
  return { context, count, tokens, targets };
}
