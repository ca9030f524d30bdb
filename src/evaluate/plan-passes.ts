/**
 * How passes over many windows fit into memory: how many windows go through a layer at a time, where the hidden states of
 * the others wait, how many rows of logits are held. Pure arithmetic on shapes; results do not depend on it.
 */
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY } from "../engine/run-options.ts";
import { QuantizeError } from "../errors.ts";
import { passBytes } from "../forward/buffers.ts";
import { numericsLimits } from "../forward/member.ts";
import { headMemoryBytes, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { layersWork, passWork } from "../forward/work.ts";
import type { PreparedModel } from "./prepare-model.ts";

const MIB = 2 ** 20;
/** A part of the memory that logits may take while there are more of them. */
const LOGITS_SHARE = 0.25;
/** Rows of logits that are held at least: fewer would decode the output matrix too often. */
const LEAST_LOGIT_ROWS = 32;
/** Multiplications and additions per second and thread of an ordinary machine, for estimates of time only. */
const OPERATIONS_PER_SECOND = 20e9;

/** What plans need of a model: no files. */
export type PassShape = Pick<PreparedModel, "hyper" | "weights">;

export interface PassesNeeds {
  readonly threads: number;
  /** Default `DEFAULT_MAX_MEMORY`. */
  readonly maxMemory?: number;
  /** Bytes of results and inputs, however the work is divided. */
  readonly alwaysBytes: number;
  /** Bytes for each row that goes through the layers at a time, beside the pass's buffers. */
  readonly rowBytes: number;
  /** Rows of logits in all, and what each takes; 0 rows: none are computed. */
  readonly logitRows: number;
  readonly logitRowBytes: number;
}

export interface PassesPlan {
  readonly threads: number;
  /** Windows that go through a layer at a time. */
  readonly groupWindows: number;
  /** Rows of logits that are held at a time. */
  readonly logitRows: number;
  /** Where states wait: in the buffers themselves, on memory, in a temporary file. */
  readonly streams: "buffer" | "memory" | "file";
  readonly peakBytes: number;
  readonly diskBytes: number;
  /** Of the products alone, on an ordinary machine. */
  readonly estimatedSeconds: number;
}

/**
 * @param models one, or an original and the model under test, which share all buffers but their states
 * @throws QuantizeError `no-room` when not even one window at a time fits
 */
export function planPasses(
  models: readonly PassShape[],
  { context, count }: { readonly context: number; readonly count: number },
  needs: PassesNeeds,
): PassesPlan {
  const { maxMemory = DEFAULT_MAX_MEMORY, logitRows: allLogitRows, logitRowBytes } = needs;
  const tokens = context * count;
  const kept = models.reduce((sum, { hyper }) => sum + headMemoryBytes(context, hyper.keyLength, hyper.valueLength), 0);
  const angles = models.reduce((sum, { hyper }) => sum + context * hyper.rope.dimensions * 4, 0);
  const perWorker = WORKER_BYTES + numericsBytes(numericsLimits(models, context, kept)) + angles;
  const always = PROCESS_BYTES + needs.alwaysBytes;
  const widths = models.reduce((sum, { hyper }) => sum + hyper.width, 0);
  const groupBytes = (rows: number): number =>
    Math.max(...models.map(({ hyper, weights }) => passBytes(hyper, weights, rows))) +
    rows * (4 * widths + needs.rowBytes);
  const streamBytes = tokens * widths * 4;

  for (let threads = needs.threads; threads >= 1; threads--) {
    const room = maxMemory - always - threads * perWorker;
    const wantedRows = Math.floor((room * LOGITS_SHARE) / Math.max(1, logitRowBytes));
    const logitRows = Math.min(allLogitRows, Math.max(LEAST_LOGIT_ROWS, wantedRows));
    const left = room - logitRows * logitRowBytes;
    const fits = (bytes: number): boolean => bytes <= left;
    const done = (groupWindows: number, streams: PassesPlan["streams"], bytes: number): PassesPlan => ({
      threads,
      groupWindows,
      logitRows,
      streams,
      peakBytes: maxMemory - left + bytes,
      diskBytes: streams === "file" ? streamBytes : 0,
      estimatedSeconds: operations(models, tokens, allLogitRows) / (threads * OPERATIONS_PER_SECOND),
    });
    if (fits(groupBytes(tokens))) return done(count, "buffer", groupBytes(tokens));
    if (streamBytes <= left / 2) {
      const group = mostWindows(count, (n) => fits(streamBytes + groupBytes(n * context)));
      if (group >= 1) return done(group, "memory", streamBytes + groupBytes(group * context));
    }
    const group = mostWindows(count, (n) => fits(groupBytes(n * context)));
    if (group >= 1) return done(group, "file", groupBytes(group * context));
  }
  const leastLogits = Math.min(allLogitRows, LEAST_LOGIT_ROWS) * logitRowBytes;
  const needed = always + perWorker + leastLogits + groupBytes(context);
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
function operations(models: readonly PassShape[], tokens: number, logitRows: number): number {
  return models.reduce((sum, { hyper, weights }) => {
    const work = passWork(hyper, weights);
    return sum + 2 * (tokens * layersWork(work) + logitRows * work.output);
  }, 0);
}
