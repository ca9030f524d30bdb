/**
 * Text that a model writes itself, where none is at hand: windows of tokens drawn at temperature 1, that is, from the
 * distribution that the model has learned. A window's tokens depend on the seed, its number and its length alone, not on
 * threads, memory, or how many windows are drawn.
 */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import type { Arithmetic } from "../forward/projections.ts";
import { uniform } from "../forward/sampling.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.types.ts";
import { planGeneration } from "./plan-generation.ts";
import type { PreparedModel } from "./prepare-model.ts";
import { runGeneration } from "./run-generation.ts";
import { checkContext, makeWindows, type Windows } from "./windows.ts";

export interface OwnTextOptions {
  /** Tokens of a window, and how many windows. */
  readonly context: number;
  readonly count: number;
  /** A whole number below 2^32. */
  readonly seed: number;
  readonly arithmetic: Arithmetic;
}

/**
 * Draws windows, as many in step as memory allows. The first token of each is the one that begins a text, where the
 * vocabulary adds one, or else one of the normal tokens, all alike. A text that comes to its end within a window is
 * followed by whatever the model puts behind it.
 * @throws QuantizeError `usage` for a context out of range, `no-room`, `bad-data` for logits that are not finite
 */
export async function sampleWindows(
  model: PreparedModel,
  tokenizer: Pick<Tokenizer, "addsBos" | "bos" | "vocabularySize" | "token">,
  { context, count, seed, arithmetic }: OwnTextOptions,
  options: RunOptions,
  engine: Engine,
): Promise<Windows> {
  checkContext(context);
  const tokenLimit = Math.min(tokenizer.vocabularySize, model.weights.vocabulary);
  const starts = firstTokens(tokenizer, tokenLimit, model.model.path);
  const firstOf = (window: number): number => starts[Math.floor(uniform(seed, window, 0) * starts.length)]!;
  const shape = { sequences: count, positions: context, promptLength: 1 };
  const plan = planGeneration(model, shape, { ...options, threads: engine.pool.threads, arithmetic });
  await engine.pool.shrink(plan.threads);
  const tokens = new Int32Array(count * context);
  report(options, 0, count * context);
  for (let first = 0; first < count; first += plan.sequences) {
    const here = Math.min(plan.sequences, count - first);
    const sequences = await runGeneration(
      {
        model,
        arithmetic,
        prompts: Int32Array.from({ length: here }, (_, s) => firstOf(first + s)),
        promptLength: 1,
        positions: context,
        tokenLimit,
        sampling: { temperature: 1, topK: 0, topP: 1, seed },
        firstSequence: first,
        stopTokens: [],
      },
      plan,
      options,
      engine,
      ({ position }) => report(options, first * context + here * (position + 1), count * context),
    );
    sequences.forEach((sequence, s) => tokens.set(sequence, (first + s) * context));
  }
  return makeWindows(tokens, context, undefined);
}

/** Tokens that a window may begin with. */
function firstTokens(
  { addsBos, bos, token }: Pick<Tokenizer, "addsBos" | "bos" | "token">,
  tokenLimit: number,
  where: string,
): readonly number[] {
  if (addsBos && bos !== undefined) return [bos];
  const normal = Array.from({ length: tokenLimit }, (_, id) => id).filter((id) => token(id).type === "normal");
  if (normal.length > 0) return normal;
  throw new QuantizeError("bad-data", `${where}: the vocabulary has no normal token to begin a text with`);
}

function report({ onProgress }: RunOptions, done: number, of: number): void {
  const nothing = { bytesDone: 0, bytesTotal: 0, tensorsDone: 0, tensorsTotal: 0 };
  onProgress?.({ ...nothing, phase: "generate", weightsDone: done, weightsTotal: of, step: `token ${done} of ${of}` });
}
