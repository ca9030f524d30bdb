/** Runs the measurement of sensitivities on the engine. */
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY, type RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import type { PreparedModel } from "../evaluate/prepare-model.ts";
import { stepProgress } from "../evaluate/step-progress.ts";
import { makeWindows, type Windows } from "../evaluate/windows.ts";
import { makeBuffers, passBytes } from "../forward/buffers.ts";
import { numericsLimits } from "../forward/member.ts";
import { codedRowLength } from "../forward/numerics/logits.ts";
import { headMemoryBytes, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { scoredPositions } from "../forward/programs/score.ts";
import type { Tensor } from "../read/model.ts";

const MIB = 2 ** 20;
/** Rows of logits that are held at a time. */
const LOGIT_ROWS = 64;
/** Fewer windows say too little. */
const LEAST_WINDOWS = 4;

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);

/**
 * @param quantized the same model with all of `names` quantized
 * @returns mean divergence with each of `names` quantized alone
 * @throws QuantizeError `no-room` when four windows do not fit; of more, as many as fit are taken
 */
export async function runSensitivity(
  source: PreparedModel,
  quantized: PreparedModel,
  names: readonly string[],
  given: Windows,
  options: RunOptions,
  engine: Engine,
): Promise<Float64Array> {
  const { hyper, weights, model } = source;
  const { context } = given;
  const { threads, windows: count } = planSensitivity(source, quantized, given, {
    ...options,
    threads: engine.pool.threads,
  });
  await engine.pool.shrink(threads);
  const windows = makeWindows(given.targets.subarray(0, count * context), context, undefined);
  windows.tokens.set(given.tokens.subarray(0, count * context));
  const rows = count * context;
  const scored = count * scoredPositions(context).count;
  const divergences = new Float64Array(shared(8 * names.length));
  const tensors = new Map(quantized.model.tensors.map((tensor) => [tensor.name, tensor]));
  const moved = (tensor: Tensor): Tensor => ({
    ...tensor,
    extents: tensor.extents.map((extent) => ({ ...extent, file: extent.file + model.files.length })),
  });
  const setup = {
    model: {
      path: model.path,
      files: [...model.files, ...quantized.model.files],
      hyper,
      weights,
      arithmetic: "float" as const,
      buffers: makeBuffers(hyper, weights, rows),
    },
    quantized: names.map((name) => moved(tensors.get(name)!)),
    context,
    tokens: windows.tokens,
    logitRows: LOGIT_ROWS,
    logits: new Float32Array(shared(4 * LOGIT_ROWS * weights.vocabulary)),
    coded: new Uint16Array(shared(2 * scored * codedRowLength(weights.vocabulary))),
    states: new Float32Array(shared(4 * rows * hyper.width)),
    rowDivergences: new Float64Array(shared(8 * scored)),
    divergences,
  };
  const module = await engine.module;
  await engine.pool.runProgram("measureSensitivity", setup, module, stepProgress(options, "measure"), options.signal);
  return divergences;
}

/** As many windows as fit, on as many threads as leave room for them. */
function planSensitivity(
  { hyper, weights }: PreparedModel,
  quantized: PreparedModel,
  { context, count }: Windows,
  { threads: wanted, maxMemory = DEFAULT_MAX_MEMORY }: { readonly threads: number; readonly maxMemory?: number },
): { readonly threads: number; readonly windows: number } {
  const kept = headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const perWorker = WORKER_BYTES + numericsBytes(numericsLimits([{ hyper, weights }, quantized], context, kept));
  const always = PROCESS_BYTES + 4 * LOGIT_ROWS * weights.vocabulary;
  const scored = scoredPositions(context).count;
  const windowBytes =
    passBytes(hyper, weights, context) +
    4 * context * hyper.width +
    scored * (2 * codedRowLength(weights.vocabulary) + 8);
  for (let threads = wanted; threads >= 1; threads--) {
    const windows = Math.min(count, Math.floor((maxMemory - always - threads * perWorker) / windowBytes));
    if (windows >= Math.min(count, LEAST_WINDOWS)) return { threads, windows };
  }
  const needed = Math.ceil((always + perWorker + Math.min(count, LEAST_WINDOWS) * windowBytes) / MIB);
  throw new QuantizeError(
    "no-room",
    `one thread and ${LEAST_WINDOWS} windows of ${context} tokens need ${needed} MiB of memory, ` +
      `the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory)`,
  );
}
