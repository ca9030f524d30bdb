/** A model on its way into a team: hyperparameters and tensors found and checked, learned tables on shared memory. */
import { findFormat } from "../../codecs/registry.ts";
import { sharedTensor } from "../engine/tensor-jobs.ts";
import { QuantizeError } from "../errors.ts";
import { makeBuffers, type PassBuffers } from "../forward/buffers.ts";
import { readHyperparameters, type Hyperparameters } from "../forward/hyperparameters.ts";
import type { ProgramModel } from "../forward/member.ts";
import type { Arithmetic } from "../forward/projections.ts";
import { findWeights, matricesOf, type ModelWeights } from "../forward/weights.ts";
import type { Model } from "../read/model.ts";

export interface PreparedModel {
  readonly model: Model;
  readonly hyper: Hyperparameters;
  readonly weights: ModelWeights;
}

/**
 * @throws QuantizeError `unsupported` for an unknown architecture or type, `bad-format` for what does not fit together
 */
export function prepareModel(model: Model): PreparedModel {
  const shared = { ...model, tensors: model.tensors.map(sharedTensor) };
  const hyper = readHyperparameters(shared);
  const weights = findWeights(shared, hyper);
  for (const { tensor } of matricesOf(weights)) {
    if (findFormat(tensor.codec) !== undefined) continue;
    throw new QuantizeError(
      "unsupported",
      `${model.path}: tensor ${tensor.name}: cannot compute with type ${tensor.codec}`,
    );
  }
  return { model: shared, hyper, weights };
}

/** A prepared model with buffers: its own states, everything else as given. */
export function programModel(
  { model, hyper, weights }: PreparedModel,
  arithmetic: Arithmetic,
  buffers: PassBuffers,
): ProgramModel {
  return { path: model.path, files: model.files, hyper, weights, arithmetic, buffers };
}

/** Buffers that several models share, each with states of its own. */
export function sharedBuffers(models: readonly PreparedModel[], rows: number): PassBuffers[] {
  const all = models.map(({ hyper, weights }) => makeBuffers(hyper, weights, rows));
  const [first] = all;
  const longest = <K extends keyof PassBuffers>(key: K): PassBuffers[K] =>
    all.map((buffers) => buffers[key]).reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a));
  const keys = Object.keys(first!) as (keyof PassBuffers)[];
  const shared = Object.fromEntries(keys.map((key) => [key, longest(key)])) as unknown as PassBuffers;
  return all.map(({ state }) => ({ ...shared, state }));
}

function sizeOf(value: PassBuffers[keyof PassBuffers]): number {
  if (typeof value === "number") return 0;
  return ArrayBuffer.isView(value) ? value.byteLength : value.q8_0.byteLength;
}
