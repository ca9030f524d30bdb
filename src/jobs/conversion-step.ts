/**
 * What may be done with a result before it has its name: between "every tensor is in its temporary file" and the
 * headers, which tell what came of it.
 */
import type { PlannedCodebooks, WrittenFiles } from "./written-model.ts";
import type { TensorResult } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { Plan } from "../plan/plan.ts";
import type { Findings } from "../write/output-header.ts";
import type { ConversionReport } from "./conversion.types.ts";

/** Tensors in temporary files. The data is all there, headers are not. */
export interface WrittenTensors {
  readonly plan: Plan;
  readonly files: WrittenFiles;
  /** Of each tensor of the plan. */
  readonly results: readonly TensorResult[];
  readonly codebooks: PlannedCodebooks;
  /** The same as they were fitted: what rounding goes on from. */
  readonly fittedCodebooks: PlannedCodebooks;
}

/** What a step leaves behind. */
export interface StepOutcome {
  /** Given anew by a step that changed bytes. */
  readonly results?: WrittenTensors["results"];
  readonly codebooks?: PlannedCodebooks;
  /** For the manifest. */
  readonly manifest?: Findings;
  /** For the report; warnings are added to those that are there. */
  readonly report?: Partial<ConversionReport>;
}

export interface ConversionStep {
  /** What the step adds to the manifest, with the longest values there are: its room is reserved before the work. */
  readonly manifestDraft?: Findings;
  /** @param rewrite writes all tensors once more as the conversion had them */
  run(written: WrittenTensors, engine: Engine, rewrite: () => Promise<WrittenTensors>): Promise<StepOutcome>;
  /** Called when the output has its name. */
  done?(): void;
}
