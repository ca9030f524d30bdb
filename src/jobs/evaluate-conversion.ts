/** Evaluates what a conversion has written, beside its source, before the file gets its name. */
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Codebook } from "../../codecs/codec.ts";
import { LONGEST_NUMBER, type Manifest } from "../container/manifest.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { EvaluationBudget } from "../evaluate/budget.ts";
import { requireSameKind } from "../evaluate/match-models.ts";
import { planEvaluation } from "../evaluate/plan-evaluation.ts";
import { prepareModel } from "../evaluate/prepare-model.ts";
import { runEvaluation } from "../evaluate/run-evaluation.ts";
import { checkWindows } from "../evaluate/windows.ts";
import { scoredPositions } from "../forward/programs/score.ts";
import type { Plan } from "../plan/plan.ts";
import { contextWarnings, readWindows, requireEnough } from "./evaluate-model.ts";
import type { EvaluationChoices, EvaluationReport } from "./evaluation.types.ts";
import type { FileInTheMaking } from "../write/output-set.ts";
import { writtenModel } from "./written-model.ts";

/** A text that a conversion is judged by, and the bounds it must keep. */
export interface ConversionEvaluation extends EvaluationChoices, EvaluationBudget {
  readonly text: string;
}

type ManifestEvaluation = NonNullable<Manifest["evaluation"]>;

/** What is known before the work, and what to do after it. */
export interface PreparedEvaluation {
  /** The manifest's entry with the longest numbers there are. */
  readonly draft: ManifestEvaluation;
  /** @param codebooks of each tensor of the plan, slice by slice */
  run(
    files: readonly FileInTheMaking[],
    codebooks: readonly (readonly Codebook[] | undefined)[],
    engine: Engine,
  ): Promise<EvaluationReport>;
  /** What the manifest keeps of what `run` returned. */
  manifestEntry(report: EvaluationReport): ManifestEvaluation;
}

/**
 * Reads the text and checks everything that can be checked before weights are converted.
 * @param output the path that people know the file by
 * @throws QuantizeError as `evaluateModel`
 */
export function prepareConversionEvaluation(
  plan: Plan,
  output: string,
  evaluation: ConversionEvaluation,
  options: RunOptions,
): PreparedEvaluation {
  const start = performance.now();
  const { arithmetic = "kernels" } = evaluation;
  const base = prepareModel(plan.model);
  const { windows, text, textHash } = readWindows(plan.model, evaluation.text, evaluation);
  const planned = prepareModel(writtenModel(plan, output, [], []));
  requireSameKind(planned, base);
  requireEnough(windows);
  checkWindows(planned, windows);
  const { threads = availableParallelism() } = options;
  planEvaluation([base, planned], windows, { ...options, threads, hasBase: true });
  const { context, count } = windows;
  const scored = count * scoredPositions(context).count;
  const longest = { value: LONGEST_NUMBER, error: LONGEST_NUMBER };
  const preparing = (performance.now() - start) / 1000;
  const draft: ManifestEvaluation = {
    text: basename(evaluation.text),
    textHash: textHash!,
    ...{ context, windows: count, scored, arithmetic },
    ...{ perplexity: longest, basePerplexity: longest, sameTop: longest },
    divergence: { ...longest, percent99: LONGEST_NUMBER, maximum: LONGEST_NUMBER },
  };
  return {
    draft,
    manifestEntry: (report) => manifestEntry(report, draft),
    async run(files, codebooks, engine) {
      const begin = performance.now();
      // Threads of the conversion end first: their buffers were not planned beside those of the passes.
      await engine.pool.restart(threads);
      const tested = prepareModel(writtenModel(plan, output, files, codebooks));
      const { plan: passes, ...found } = await runEvaluation({ tested, base, arithmetic, windows }, options, engine);
      return {
        input: output,
        against: plan.model.path,
        ...(text !== undefined && { text }),
        ...(textHash !== undefined && { textHash }),
        ...{ context, windows: count, arithmetic },
        ...found,
        warnings: contextWarnings(tested, windows),
        backend: engine.backend,
        threads: passes.threads,
        plannedMemory: passes.peakBytes,
        plannedDisk: passes.diskBytes,
        seconds: preparing + (performance.now() - begin) / 1000,
      };
    },
  };
}

function manifestEntry(report: EvaluationReport, { text, textHash }: ManifestEvaluation): ManifestEvaluation {
  const { context, windows, scored, arithmetic, perplexity } = report;
  const { basePerplexity, divergence, sameTop } = report.comparison!;
  const percent99 = divergence.percentiles.find(({ percent }) => percent === 99)!.value;
  return {
    ...{ text, textHash, context, windows, scored, arithmetic, perplexity, basePerplexity, sameTop },
    divergence: { ...divergence.mean, percent99, maximum: divergence.maximum },
  };
}
