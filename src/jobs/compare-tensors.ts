/** Compares written tensors with their originals, in the same workers and with the same sums as a conversion. */
import { planJobMemory, type MemoryPlan } from "../engine/plan-memory.ts";
import type { TensorResult } from "../engine/results.ts";
import type { Phase, RunOptions } from "../engine/run-options.ts";
import { runTasks } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import { sharedTensor } from "../engine/tensor-jobs.ts";
import type { TensorJob } from "../engine/worker/tasks.types.ts";
import type { Model, Tensor } from "../read/model.ts";
import { storedBytes } from "../read/read-tensor.ts";
import type { VerifyLevel } from "../verify/verify-level.ts";

/** A tensor of a file under test beside its original. */
export interface TensorPair {
  readonly written: Tensor;
  readonly tensor: Tensor;
}

/**
 * @param files of the written tensors, and of the originals
 * @returns hashes and sums of each pair
 */
export async function compareTensors(
  pairs: readonly TensorPair[],
  files: { readonly written: Model["files"]; readonly original: Model["files"] },
  verify: Exclude<VerifyLevel, "off">,
  phase: Phase,
  options: RunOptions,
  { pool, backend, module: compiling }: Engine,
): Promise<{ readonly results: readonly TensorResult[]; readonly memory: MemoryPlan }> {
  const { onProgress, signal } = options;
  const jobs: TensorJob[] = pairs.map(({ written, tensor }) => ({
    tensor: sharedTensor(tensor),
    codec: written.codec,
    layout: written.layout,
    outputFile: 0,
    outputOffset: 0,
    written: sharedTensor(written),
  }));
  const memory = planJobMemory(jobs, options);
  await pool.shrink(memory.threads);
  const module = await compiling;
  const { results } = await runTasks(pool, {
    setup: {
      backend,
      ...(module === undefined ? {} : { module }),
      bandBytes: memory.bandBytes,
      fitBytes: memory.fitBytes,
      files: files.original,
      writtenFiles: files.written,
      outputPaths: [],
      jobs,
      verify,
      effort: "normal",
    },
    phase,
    jobBytes: pairs.map(({ written }) => storedBytes(written)),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { results, memory };
}
