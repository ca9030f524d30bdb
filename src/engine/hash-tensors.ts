/** The hashes of a model's bytes as they lie in its files: nothing is decoded, nothing is written. */
import type { Model } from "../read/model.ts";
import { storedBytes } from "../read/read-tensor.ts";
import type { Phase, RunOptions } from "./run-options.ts";
import { planJobMemory } from "./plan-memory.ts";
import { runTasks } from "./run-tasks.ts";
import type { Engine } from "./start-engine.ts";
import type { TensorJob } from "./worker/tasks.types.ts";

/** A copy that goes nowhere: the bytes are read, band by band, and hashed. */
export function hashJob(tensor: Model["tensors"][number]): TensorJob {
  // Learned tables are of no use to a copy, and large in models of many experts.
  const { codebooks: _, ...stored } = tensor;
  return { tensor: stored, codec: tensor.codec, layout: tensor.layout, outputFile: 0, outputOffset: 0 };
}

/**
 * Hashes the stored bytes of every tensor.
 * @param model with tensors in registered formats; integers count as such
 * @returns one XXH64 of band hashes for each tensor, as in manifests
 * @throws QuantizeError `io`; failures of a worker as it threw them
 */
export async function hashTensors(
  model: Pick<Model, "files" | "tensors">,
  phase: Phase,
  options: RunOptions,
  engine: Engine,
): Promise<bigint[]> {
  const { onProgress, signal } = options;
  const jobs = model.tensors.map(hashJob);
  const { threads, bandBytes, fitBytes } = planJobMemory(jobs, options);
  await engine.pool.shrink(threads);
  const module = await engine.module;
  const { results } = await runTasks(engine.pool, {
    setup: {
      backend: engine.backend,
      ...(module === undefined ? {} : { module }),
      ...{ bandBytes, fitBytes, files: model.files, writtenFiles: [], outputPaths: [], jobs },
      verify: "off",
      effort: "normal",
    },
    phase,
    jobBytes: model.tensors.map(storedBytes),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return results.map(({ hash }) => hash);
}
