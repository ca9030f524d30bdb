/**
 * What may be done with a result before it has its name: between "every tensor is in its temporary file" and the
 * headers, which tell what came of it. Rounding weights again, evaluating the model.
 */
import type { ManifestFacts } from "../container/manifest.ts";
import type { TensorResult } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { Plan } from "../plan/plan.ts";
import type { HeaderOptions } from "../write/output-header.ts";
import type { FileInTheMaking } from "../write/output-set.ts";
import type { ConversionReport } from "./conversion.types.ts";
import type { PlannedCodebooks } from "./written-model.ts";

/** Tensors in temporary files. The data is all there, headers are not. */
export interface WrittenTensors {
  readonly plan: Plan;
  /** As the plan numbers them; a tensor's first byte is at `dataStart + byteOffset`. */
  readonly files: readonly FileInTheMaking[];
  /** Of each tensor of the plan. */
  readonly results: readonly TensorResult[];
  readonly codebooks: PlannedCodebooks;
  /** The same as they were fitted, before their levels lost their bias: what a calibration goes on from. */
  readonly fittedCodebooks: PlannedCodebooks;
}

/** What a step works with. The pool's threads are those of the conversion, or of the step before. */
export interface StepTools {
  readonly engine: Engine;
  /** Writes all tensors again, as they were before any step. */
  readonly convert: () => Promise<WrittenTensors>;
}

/** What a step leaves behind. */
export interface StepOutcome {
  /** Given anew by a step that changed bytes. */
  readonly results?: WrittenTensors["results"];
  readonly codebooks?: WrittenTensors["codebooks"];
  /** For the manifest. */
  readonly manifest?: ManifestFacts;
  /** For the report; warnings come after those that are there. */
  readonly report?: Partial<ConversionReport>;
}

export interface ConversionStep {
  /** What the step adds to the manifest, with the longest values there are: its room is reserved before the work. */
  readonly manifestDraft?: ManifestFacts;
  /** What it adds to the recipe and to tensors there. */
  readonly header?: Pick<HeaderOptions, "calibrate" | "calibrated">;
  run(written: WrittenTensors, tools: StepTools): Promise<StepOutcome>;
  /** Called when the output has its name. */
  done?(): void;
}
