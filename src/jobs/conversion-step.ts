/**
 * What may be done with a result before it has its name: between "every tensor is in its temporary file" and the
 * headers, which tell what came of it. Rounding weights again, evaluating the model.
 */
import type { Codebook } from "../../codecs/codec.ts";
import type { ManifestFacts } from "../container/manifest.ts";
import type { TensorResult } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { Plan } from "../plan/plan.ts";
import type { FileInTheMaking } from "../write/output-set.ts";
import type { ConversionReport } from "./conversion.types.ts";

/** Tensors in temporary files. The data is all there, headers are not. */
export interface WrittenTensors {
  readonly plan: Plan;
  /** As the plan numbers them; a tensor's first byte is at `dataStart + byteOffset`. */
  readonly files: readonly FileInTheMaking[];
  /** Of each tensor of the plan. */
  readonly results: readonly TensorResult[];
  /** Of each tensor of the plan, slice by slice; undefined where it has none. */
  readonly codebooks: readonly (readonly Codebook[] | undefined)[];
}

/** What a step leaves behind. */
export interface StepOutcome {
  /** Given anew by a step that changed bytes. */
  readonly results?: WrittenTensors["results"];
  readonly codebooks?: WrittenTensors["codebooks"];
  /** For the manifest. */
  readonly manifest?: ManifestFacts;
  /** For the report. */
  readonly report?: Partial<ConversionReport>;
}

export interface ConversionStep {
  /** What the step adds to the manifest, with the longest values there are: its room is reserved before the work. */
  readonly manifestDraft?: ManifestFacts;
  run(written: WrittenTensors, engine: Engine): Promise<StepOutcome>;
}
