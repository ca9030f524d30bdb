/** llama-quantize, perplexity, greedy text and token ids by llama.cpp itself, each in a process of its own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** `llama_ftype` numbers by the names that llama-quantize takes. */
export const FTYPES: Readonly<Record<string, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q8_0: 7,
  q5_0: 8,
  q5_1: 9,
  q2_k: 10,
  q3_k_s: 11,
  q3_k_m: 12,
  q3_k_l: 13,
  q4_k_s: 14,
  q4_k_m: 15,
  q5_k_s: 16,
  q5_k_m: 17,
  q6_k: 18,
  q2_k_s: 21,
  iq4_nl: 25,
  iq4_xs: 30,
  bf16: 32,
  tq1_0: 36,
  tq2_0: 37,
  mxfp4_moe: 38,
};

export interface LlamaQuantizeOptions {
  readonly input: string;
  readonly output: string;
  /** A key of FTYPES. */
  readonly scheme: string;
  readonly threads?: number;
  readonly pure?: boolean;
  readonly allowRequantize?: boolean;
  readonly leaveOutput?: boolean;
  readonly outputType?: number;
  readonly embeddingType?: number;
  readonly keepSplit?: boolean;
  /** A JSON file `{ "<tensor>": [values] }`. */
  readonly imatrix?: string;
  readonly tensorTypes?: readonly (readonly [pattern: string, ggmlType: number])[];
}

export interface LlamaQuantizeResult {
  /** 0 when it worked; null when the process died. */
  readonly code: number | null;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly log: string;
}

/** Runs `llama_model_quantize` on a file. */
export function llamaQuantize(options: LlamaQuantizeOptions): LlamaQuantizeResult {
  const ftype = FTYPES[options.scheme];
  if (ftype === undefined) throw new Error(`no ftype named ${options.scheme}`);
  const params = {
    input: options.input,
    output: options.output,
    ftype,
    nthread: options.threads ?? 2,
    pure: options.pure ?? false,
    allow_requantize: options.allowRequantize ?? false,
    quantize_output_tensor: !(options.leaveOutput ?? false),
    keep_split: options.keepSplit ?? false,
    ...(options.outputType === undefined ? {} : { output_tensor_type: options.outputType }),
    ...(options.embeddingType === undefined ? {} : { token_embedding_type: options.embeddingType }),
    ...(options.imatrix === undefined ? {} : { imatrix: options.imatrix }),
    ...(options.tensorTypes === undefined ? {} : { tensorTypes: options.tensorTypes }),
  };
  const child = run("llama-quantize.mjs", params);
  const last = child.stdout.trimEnd().split("\n").at(-1) ?? "";
  const log = child.stderr + child.stdout;
  if (!last.startsWith("{")) return { code: null, wallSeconds: NaN, cpuSeconds: NaN, peakBytes: NaN, log };
  return { ...(JSON.parse(last) as Omit<LlamaQuantizeResult, "log">), log };
}

export interface Evaluation {
  readonly perplexity: number;
  /** Mean Kullback-Leibler divergence from `reference`, in nats; NaN without a reference. */
  readonly klDivergence: number;
  readonly greedy: string;
}

/**
 * Perplexity over windows of `text` (context 128, second half scored), the mean KL divergence of the predictions from
 * those of `reference`, and a greedy continuation of `prompt`.
 */
export function llamaEvaluate(options: {
  readonly model: string;
  readonly text: string;
  readonly reference?: string;
  readonly windows?: number;
  readonly prompt?: string;
}): Evaluation {
  const child = run("llama-evaluate.mjs", options);
  const last = child.stdout.trimEnd().split("\n").at(-1) ?? "";
  if (child.status !== 0 || !last.startsWith("{"))
    throw new Error(`llama.cpp could not evaluate ${options.model}: ${child.stderr.slice(-2000)}`);
  return JSON.parse(last) as Evaluation;
}

/** A vocabulary in llama.cpp, and what it makes of texts. */
export interface LlamaVocabulary {
  readonly size: number;
  /** -1 where there is none. */
  readonly bos: number;
  readonly eos: number;
  readonly eot: number;
  readonly addsBos: boolean;
  readonly addsEos: boolean;
  readonly endOfGeneration: readonly number[];
  /** Bytes of each token in a text, in base 64, control tokens written out. */
  readonly pieces: readonly string[];
  /** Tokens of which nothing is seen in a text. */
  readonly hidden: readonly number[];
  /** Ids of each text, neither with special tokens added nor parsed. */
  readonly plain: readonly (readonly number[])[];
  /** With both. */
  readonly special: readonly (readonly number[])[];
}

/** Loads the vocabulary of a GGUF file and encodes texts. */
export function llamaTokenize(model: string, texts: readonly string[]): LlamaVocabulary {
  const folder = mkdtempSync(join(tmpdir(), "llama-tokenize-"));
  try {
    const [job, result] = [join(folder, "job.json"), join(folder, "result.json")];
    writeFileSync(job, JSON.stringify({ model, texts, result }));
    const child = spawnSync(process.execPath, [join(here, "llama-tokenize.mjs"), job], { encoding: "utf8" });
    if (child.status !== 0) throw new Error(`llama.cpp could not read ${model}: ${child.stderr.slice(-2000)}`);
    return JSON.parse(readFileSync(result, "utf8")) as LlamaVocabulary;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a model predicts behind token ids: a probability for each token. Its file must have a vocabulary, any. */
export function llamaPredict(options: { readonly model: string; readonly ids: readonly number[] }): readonly number[] {
  const child = run("llama-predict.mjs", options);
  const last = child.stdout.trimEnd().split("\n").at(-1) ?? "";
  if (child.status !== 0 || !last.startsWith("["))
    throw new Error(`llama.cpp could not evaluate ${options.model}: ${child.stderr.slice(-2000)}`);
  return JSON.parse(last) as number[];
}

function run(script: string, params: object) {
  return spawnSync(process.execPath, [join(here, script), JSON.stringify(params)], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
}
