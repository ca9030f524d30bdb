/** Measures importance: how strongly each column of each matrix is driven, over a text or the model's own. */
import { availableParallelism } from "node:os";
import { announce, type RunOptions } from "../engine/run-options.ts";
import { withEngine, type Engine } from "../engine/start-engine.ts";
import { sampleWindows } from "../evaluate/own-text.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { runImportance } from "../evaluate/run-importance.ts";
import type { Windows } from "../evaluate/windows.ts";
import { mergeContents, type NamedContent } from "../imatrix/merge-imatrices.ts";
import { readImatrixContent } from "../imatrix/read-imatrix.ts";
import { openModel } from "../open/open-model.ts";
import { makeTokenizer } from "../tokenizer/make-tokenizer.ts";
import { withFileLog } from "../read/file-log.ts";
import { withOutput, type TakenOutput } from "../write/atomic-output.ts";
import { contextWarnings, readWindows } from "./evaluate-model.ts";
import type { ImatrixOptions, ImatrixReport } from "./imatrix.types.ts";
import { writeContents } from "./merge-imatrices.ts";

/** The model's own text: 8192 tokens in windows of 128, which calibrate as well as longer ones and are drawn faster. */
const OWN_CONTEXT = 128;
const OWN_CHUNKS = 64;

/** Weights as a processor multiplies them: of a float model that is f32. */
const ARITHMETIC = "kernels";

/**
 * Measures importance and writes it as llama-imatrix does.
 * @throws QuantizeError `usage` for a text that is too short, `unsupported` for an unknown architecture or a model
 * without a vocabulary, `incompatible` for files to merge that are another model's, `bad-data` for activations that are
 * not finite, `no-room`, `io`, `output-exists`
 */
export async function measureImatrix(options: ImatrixOptions): Promise<ImatrixReport> {
  const { output: path, force = false } = options;
  return withFileLog(() =>
    withOutput({ path, force }, (place) => withEngine(options, (engine) => measure(options, place, engine))),
  );
}

interface MeasuredText {
  readonly windows: Windows;
  readonly dataset: string;
  readonly text?: string;
  readonly seed?: number;
}

async function measure(options: ImatrixOptions, place: TakenOutput, engine: Engine): Promise<ImatrixReport> {
  const start = performance.now();
  announce(options, "open");
  const { input, merge = [], processOutput = false } = options;
  const added = merge.map(readImatrixContent);
  const model = prepareModel(await openModel(input));
  const { windows, dataset, ...source } = await textOf(model, options, engine);
  const { entries, plan } = await runImportance(
    { model, arithmetic: ARITHMETIC, windows, withOutput: processOutput },
    options,
    engine,
  );
  const { context, count } = windows;
  const measured: NamedContent = {
    path: input,
    format: "gguf",
    entries,
    datasets: [dataset],
    chunkSize: context,
    chunkCount: count,
  };
  // The new measurement says how long a chunk is, and its text is named last.
  const content = { ...mergeContents([...added, measured]), chunkSize: context };
  const contents = await writeContents(content, merge, options, place);
  return {
    input,
    ...source,
    ...contents,
    context,
    windows: count,
    warnings: contextWarnings(model, windows),
    backend: engine.backend,
    threads: plan.threads,
    plannedMemory: plan.peakBytes,
    plannedDisk: plan.diskBytes,
    seconds: (performance.now() - start) / 1000,
  };
}

async function textOf(model: PreparedModel, options: ImatrixOptions, engine: Engine): Promise<MeasuredText> {
  if (options.text !== undefined) {
    const { windows } = readWindows(model.model, options.text, options);
    return { windows, dataset: options.text, text: options.text };
  }
  const { context = OWN_CONTEXT, chunks: count = OWN_CHUNKS, seed = 0 } = options;
  const tokenizer = makeTokenizer(model.model.metadata, model.model.path);
  const wanted = { context, count, seed, arithmetic: ARITHMETIC } as const;
  const windows = await sampleWindows(model, tokenizer, wanted, options, engine);
  await engine.pool.restart(threadsOf(options));
  return { windows, dataset: `own text, temperature 1, seed ${seed}, ${count} windows of ${context} tokens`, seed };
}

/** As many as were started. */
function threadsOf({ threads = availableParallelism() }: RunOptions): number {
  return threads;
}
