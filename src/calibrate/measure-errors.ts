/** What each of several types does to every tensor of a model: bytes and error, without writing anything. */
import type { Effort } from "../../codecs/codec.ts";
import { planMemory } from "../engine/plan-memory.ts";
import { qualityOf } from "../engine/results.ts";
import type { RunOptions } from "../engine/run-options.ts";
import { runTasks } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import { jobsOf } from "../engine/tensor-jobs.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import { learnedBytes } from "../plan/table-count.ts";

/** A tensor in a type. */
export interface TypeError {
  readonly codec: string;
  readonly bytes: number;
  readonly nmse: number;
}

/**
 * Encodes every tensor of a plan and forgets the bytes.
 * @returns by tensor name
 */
export async function measureErrors(
  plan: Plan,
  options: RunOptions & { readonly effort?: Effort },
  engine: Engine,
): Promise<Map<string, TypeError>> {
  const { effort = "normal", onProgress, signal } = options;
  const memory = planMemory(plan, options);
  await engine.pool.shrink(memory.threads);
  const module = await engine.module;
  const { results } = await runTasks(engine.pool, {
    setup: {
      backend: engine.backend,
      ...(module === undefined ? {} : { module }),
      bandBytes: memory.bandBytes,
      fitBytes: memory.fitBytes,
      files: plan.model.files,
      writtenFiles: [],
      outputPaths: [],
      jobs: jobsOf(plan, new Array<number>(plan.fileCount).fill(0)),
      verify: "weights",
      effort,
    },
    phase: "measure",
    jobBytes: plan.tensors.map(({ byteLength }) => byteLength),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return new Map(
    plan.tensors.map((planned, i) => {
      const { tensor, codec, byteLength } = planned;
      const nmse = isCopy(planned) ? 0 : (qualityOf(results[i]!)?.nmse ?? 0);
      return [tensor.name, { codec, bytes: byteLength + learnedBytes(planned), nmse }];
    }),
  );
}
