/** Runs a generation on the engine: sequences that go on from prompts of equal length, in step. */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { makeBuffers } from "../forward/buffers.ts";
import type { GenerateNote } from "../forward/programs/generate.ts";
import type { Arithmetic } from "../forward/projections.ts";
import type { Sampling } from "../forward/sampling.ts";
import type { GenerationPlan } from "./plan-generation.ts";
import { programModel, type PreparedModel } from "./prepare-model.ts";

export interface GenerationInput {
  readonly model: PreparedModel;
  readonly arithmetic: Arithmetic;
  /** Tokens of all prompts, `promptLength` each. */
  readonly prompts: Int32Array;
  readonly promptLength: number;
  /** Tokens that a sequence can have, prompt included. */
  readonly positions: number;
  /** Only tokens below this are drawn: matrices may have more rows than the vocabulary has tokens. */
  readonly tokenLimit: number;
  readonly sampling: Sampling;
  /** Number of the first sequence: the random numbers of a sequence depend on its number. */
  readonly firstSequence: number;
  /** A sequence ends with one of these. */
  readonly stopTokens: readonly number[];
}

/** @returns the tokens of each sequence, prompt first */
export async function runGeneration(
  input: GenerationInput,
  plan: GenerationPlan,
  options: RunOptions,
  engine: Engine,
  onNote: (note: GenerateNote) => void,
): Promise<Int32Array[]> {
  const { model, arithmetic, prompts, promptLength, positions, ...rest } = input;
  const sequences = prompts.length / promptLength;
  const shared = (length: number): SharedArrayBuffer => new SharedArrayBuffer(length * 4);
  const tokens = new Int32Array(shared(sequences * positions));
  for (let s = 0; s < sequences; s++) {
    tokens.set(prompts.subarray(s * promptLength, (s + 1) * promptLength), s * positions);
  }
  const lengths = new Int32Array(shared(sequences)).fill(promptLength);
  const setup = {
    ...rest,
    model: programModel(model, arithmetic, makeBuffers(model.hyper, model.weights, plan.rows)),
    tokens,
    positions,
    promptLength,
    lengths,
    logits: new Float32Array(shared(sequences * model.weights.vocabulary)),
    keptTileBytes: plan.keptTileBytes,
  };
  const note = (said: unknown): void => onNote(said as GenerateNote);
  await engine.pool.runProgram("generate", setup, await engine.module, note, options.signal);
  return Array.from(lengths, (length, s) => tokens.slice(s * positions, s * positions + length));
}
