/** A forward pass in the test's own thread: a team of one. */
import { readFileSync } from "node:fs";
import type { PreparedModel } from "#dist/src/evaluate/prepare-model.js";
import { programModel } from "#dist/src/evaluate/prepare-model.js";
import { makeBuffers } from "#dist/src/forward/buffers.js";
import { makeNumerics, numericsLimits, workbench } from "#dist/src/forward/member.js";
import { headMemoryBytes } from "#dist/src/forward/numerics/wasm-numerics.js";
import { makePass } from "#dist/src/forward/pass.js";
import type { Arithmetic } from "#dist/src/forward/projections.js";
import { joinTeam, makeTeamWords } from "#dist/src/forward/team.js";

export const MODULE = new WebAssembly.Module(readFileSync(new URL("../../dist/quantize.wasm", import.meta.url)));

/** Logits at every position of windows of `context` tokens. */
export function logitsOf(
  model: PreparedModel,
  tokens: Int32Array,
  context: number,
  { arithmetic = "kernels", backend = "wasm" }: { arithmetic?: Arithmetic; backend?: "wasm" | "scalar" } = {},
): Float32Array {
  const { hyper, weights } = model;
  const { vocabulary } = weights;
  const buffers = makeBuffers(hyper, weights, context);
  const program = programModel(model, arithmetic, buffers);
  const kept = headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const numerics = makeNumerics(backend === "wasm" ? MODULE : undefined, numericsLimits([program], context, kept));
  const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
  const headMemory = () => {
    memory.clear();
    return memory;
  };
  const bench = workbench(joinTeam(makeTeamWords(), 0, 1), numerics, program);
  const pass = makePass({ bench, hyper, weights, buffers, positions: context, headMemory });
  const out = new Float32Array(tokens.length * vocabulary);
  const rows = Uint32Array.from({ length: context }, (_, n) => n);
  const sequences = [{ row: 0, count: context, position: 0 }];
  for (let start = 0; start < tokens.length; start += context) {
    pass.embed(tokens.subarray(start, start + context), sequences);
    for (let layer = 0; layer < hyper.layers; layer++) pass.layer(layer, sequences);
    pass.logits(rows, out.subarray(start * vocabulary, (start + context) * vocabulary));
  }
  return out;
}
