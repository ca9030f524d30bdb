/** What llama-perplexity says, as numbers. */
import { llamaTool } from "./llama-programs.mjs";

/** Keys, values and scores of attention in f32, as we compute them. */
export const EXACT_ATTENTION = ["-ctk", "f32", "-ctv", "f32", "-fa", "off"] as const;

/** What llama-perplexity says in the end. */
export interface LlamaStatistics {
  readonly perplexity: number;
  /** With base logits. */
  readonly basePerplexity?: number;
  readonly divergence?: number;
  readonly sameTop?: number;
  /** Every line of the statistics, by its title. */
  readonly lines: ReadonlyMap<string, number>;
}

const FINAL = /Final estimate: PPL = ([\d.]+)/;

/** What it prints. Once in some fifty runs it ends before its own log has printed the last lines: then it runs again. */
function wholeOutput(args: readonly (string | number)[], last: RegExp): string {
  for (let attempts = 5; ; attempts--) {
    const { stdout, stderr } = llamaTool("perplexity", args);
    const output = stdout + stderr;
    if (last.test(output)) return output;
    if (attempts === 1) throw new Error(`llama-perplexity says no ${last}: ${output.slice(-2000)}`);
  }
}

/** Perplexity of a model on a text, or its divergence from base logits. Writes base logits when there is a text. */
export function llamaPerplexity(options: {
  readonly model: string;
  readonly text?: string;
  readonly context: number;
  readonly chunks?: number;
  readonly threads?: number;
  /** Written with a text, read without. */
  readonly logits?: string;
}): LlamaStatistics {
  const { model, text, context, chunks, threads = 2, logits } = options;
  const output = wholeOutput(
    [
      ...["-m", model, "-c", context, "-t", threads, ...EXACT_ATTENTION],
      ...(text === undefined ? ["--kl-divergence"] : ["-f", text]),
      ...(chunks === undefined ? [] : ["--chunks", chunks]),
      ...(logits === undefined ? [] : ["--kl-divergence-base", logits]),
    ],
    text === undefined ? /^\s*Same top p\s*:/m : FINAL,
  );
  const lines = new Map(
    [...output.matchAll(/^\s*([^\n:[\]]*?\S)\s*:\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*(?:%|±|$)/gm)].map(
      ([, title, value]) => [title!.replace(/\s+/g, " "), Number(value)] as const,
    ),
  );
  if (text !== undefined) return { perplexity: Number(FINAL.exec(output)![1]), lines };
  return {
    perplexity: lines.get("Mean PPL(Q)")!,
    basePerplexity: lines.get("Mean PPL(base)")!,
    divergence: lines.get("Mean KLD")!,
    sameTop: lines.get("Same top p")! / 100,
    lines,
  };
}
