/**
 * How an evaluation fits into memory: how many windows go through a layer at a time, where the hidden states of the others
 * wait, how many rows of logits are held. Pure arithmetic on shapes; results do not depend on it.
 */
import { QuantizeError } from "../errors.ts";
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY } from "../engine/run-options.ts";
import { passBytes } from "../forward/buffers.ts";
import type { Hyperparameters } from "../forward/hyperparameters.ts";
import { numericsLimits } from "../forward/member.ts";
import { codedRowLength } from "../forward/numerics/logits.ts";
import { headMemoryBytes, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { LAYER_SUMS, scoredPositions, TOKEN_STATS } from "../forward/programs/evaluate.ts";
import { matricesOf, type ModelWeights } from "../forward/weights.ts";

const MIB = 2 ** 20;
/** A part of the memory that logits may take while there are more of them. */
const LOGITS_SHARE = 0.25;
/** Rows of logits that are held at least: fewer would decode the output matrix too often. */
const LEAST_LOGIT_ROWS = 32;
/** Floating-point operations per second and thread of an ordinary machine, for estimates of time only. */
const OPERATIONS_PER_SECOND = 20e9;

export interface EvaluationShape {
  readonly hyper: Hyperparameters;
  readonly weights: ModelWeights;
}

export interface EvaluationPlan {
  readonly threads: number;
  readonly groupWindows: number;
  readonly logitRows: number;
  /** Where states wait: in the buffers themselves, on memory, in a temporary file. */
  readonly streams: "buffer" | "memory" | "file";
  readonly peakBytes: number;
  readonly diskBytes: number;
  /** Of the products alone, at 20 GFLOP/s a thread. */
  readonly estimatedSeconds: number;
}

/**
 * @param models one, or an original and the model under test
 * @throws QuantizeError `no-room` when not even one window at a time fits
 */
export function planEvaluation(
  models: readonly EvaluationShape[],
  windows: { readonly context: number; readonly count: number },
  options: { readonly threads: number; readonly maxMemory?: number; readonly hasBase: boolean },
): EvaluationPlan {
  const { maxMemory = DEFAULT_MAX_MEMORY } = options;
  const { context, count } = windows;
  const tokens = context * count;
  const scoredEach = scoredPositions(context).count;
  const vocabulary = Math.max(...models.map(({ weights }) => weights.vocabulary));
  const kept = models.reduce((sum, { hyper }) => sum + headMemoryBytes(context, hyper.keyLength, hyper.valueLength), 0);
  const perWorker = WORKER_BYTES + numericsBytes(numericsLimits(models, context, kept));
  const always = PROCESS_BYTES + tokens * 12 + count * scoredEach * TOKEN_STATS * 8;

  const widths = models.reduce((sum, { hyper }) => sum + hyper.width, 0);
  // Models share all buffers but their states.
  const shared = (rows: number): number =>
    Math.max(...models.map(({ hyper, weights }) => passBytes(hyper, weights, rows))) +
    rows * 4 * widths +
    rows * LAYER_SUMS * 8;
  const perLogitRow = vocabulary * 4 + (options.hasBase ? codedRowLength(vocabulary) * 2 : 0);
  const streamBytes = tokens * widths * 4;

  for (let threads = options.threads; threads >= 1; threads--) {
    const room = maxMemory - always - threads * perWorker;
    const logitRows = Math.max(
      Math.min(LEAST_LOGIT_ROWS, count * scoredEach),
      Math.min(count * scoredEach, Math.floor((room * LOGITS_SHARE) / perLogitRow)),
    );
    const left = room - logitRows * perLogitRow;
    const fits = (bytes: number): boolean => bytes <= left;
    const done = (groupWindows: number, streams: EvaluationPlan["streams"], bytes: number): EvaluationPlan => ({
      threads,
      groupWindows,
      logitRows,
      streams,
      peakBytes: maxMemory - left + bytes,
      diskBytes: streams === "file" ? streamBytes : 0,
      estimatedSeconds: operations(models, tokens, count * scoredEach) / (threads * OPERATIONS_PER_SECOND),
    });
    if (fits(shared(tokens))) return done(count, "buffer", shared(tokens));
    if (streamBytes <= left / 2) {
      const group = mostWindows(count, (n) => fits(streamBytes + shared(n * context)));
      if (group >= 1) return done(group, "memory", streamBytes + shared(group * context));
    }
    const group = mostWindows(count, (n) => fits(shared(n * context)));
    if (group >= 1) return done(group, "file", shared(group * context));
  }
  const needed = always + perWorker + LEAST_LOGIT_ROWS * perLogitRow + shared(context);
  throw new QuantizeError(
    "no-room",
    `one thread and one window of ${context} tokens need ${Math.ceil(needed / MIB)} MiB of memory, ` +
      `the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory, or a smaller --context)`,
  );
}

/** The greatest number of windows, at most `count`, for which `fits`; 0 for none. */
function mostWindows(count: number, fits: (windows: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Multiplications and additions of all products. */
function operations(models: readonly EvaluationShape[], tokens: number, scored: number): number {
  return models.reduce((sum, { hyper, weights }) => {
    const [, output, ...matrices] = matricesOf(weights);
    const inLayers = matrices.reduce((all, { rows, columns, slices }) => {
      return all + rows * columns * (slices > 1 ? hyper.expertsUsed : 1);
    }, 0);
    return sum + 2 * tokens * inLayers + 2 * scored * output!.rows * output!.columns;
  }, 0);
}
