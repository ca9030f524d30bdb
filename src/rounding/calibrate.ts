/**
 * Calibration, layer by layer: what goes into each matrix is summed up over the tokens of a text, the matrix is rounded
 * against it, and the next matrix sees what the rounded ones before it make of the text.
 *
 * Two passes run side by side, the float model's and that of the file in the making. At each product both stop; with
 * `isAsymmetric` the targets are the float model's outputs, to be made from the inputs that the rounded model has.
 *
 * Sources: GPTQ (E. Frantar et al., arXiv:2210.17323), LDLQ (J. Chee et al., QuIP, arXiv:2307.13304), asymmetric targets
 * (GPTAQ, Y. Li et al., arXiv:2504.02692), coordinate descent as in QuantEase (K. Behdin et al., arXiv:2309.01885).
 */
import { keptElements } from "../forward/buffers.ts";
import type { ProgramModel } from "../forward/member.ts";
import type { HeadMemory, Numerics } from "../forward/numerics/numerics.ts";
import { headMemoryBytes } from "../forward/numerics/wasm-numerics.ts";
import { makePass } from "../forward/pass.ts";
import type { Pass, PassSteps, Sequence } from "../forward/pass.types.ts";
import type { ProgramReport, StepNote } from "../forward/programs/program.types.ts";
import type { Workbench } from "../forward/projections.ts";
import { openTurns } from "../forward/streams.ts";
import type { Team } from "../forward/team.ts";
import { matricesOf, type Matrix } from "../forward/weights.ts";
import { windowSequences } from "../forward/window-sequences.ts";
import type { CalibrateSetup, CalibrationBench, CalibrationSeconds } from "./bench.ts";
import { columnParts } from "./column-parts.ts";
import { makeGatherRoom } from "./gather.ts";
import { recordStep, restoreStates, stepCount } from "./journal.ts";
import { openRoundingBench, type BenchSizes } from "./open-bench.ts";
import { roundingVisitor } from "./rounding-visitor.ts";
import { groupsOf, statesOf, walkSteps, type Side, type Walk } from "./walk.ts";

/** What a member's memory is for. @param result its weights: formats are those of the matrices named in `calibrated` */
export function calibrationSizes(
  source: Pick<ProgramModel, "hyper" | "weights">,
  result: Pick<ProgramModel, "weights">,
  calibrated: { has(name: string): boolean },
  context: number,
  mostColumns: number,
): BenchSizes {
  const [, ...matrices] = matricesOf(source.weights);
  const columns = matrices.flatMap((matrix) => columnParts(matrix.columns, mostColumns).map(({ count }) => count));
  const codecs = matricesOf(result.weights).flatMap(({ tensor }) =>
    calibrated.has(tensor.name) ? [tensor.codec] : [],
  );
  const { expertsUsed } = source.hyper;
  return { columns: [...new Set(columns)], codecs, windowRows: context * Math.max(1, expertsUsed) };
}

/** @returns what member 0 spent its time on */
export function calibrate(
  setup: CalibrateSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): CalibrationSeconds {
  const { source, result, context, tokens, journal } = setup;
  const { hyper, weights } = source;
  const headBytes = 2 * headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const sizes = calibrationSizes(source, result, setup.stats, context, setup.mostColumns);
  const { bench: rounding, numerics } = openRoundingBench(setup, sizes, context, headBytes, team, module);
  const bench: CalibrationBench = {
    ...rounding,
    setup,
    gatherRoom: makeGatherRoom(rounding.algebra, sizes.windowRows),
  };
  const groupRows = setup.groupWindows * context;
  const sideOf = (model: ProgramModel, own: Workbench, index: number): Side => ({
    pass: passOf(model, own, numerics, context),
    model,
    turns: openTurns(team, setup.places[index]!, keptElements(model.hyper, model.weights, groupRows)),
  });
  const sides = [sideOf(source, bench.source, 0), ...(setup.isAsymmetric ? [sideOf(result, bench.result, 1)] : [])];
  const walk: Walk = { sides, context, groups: groupsOf(tokens.length / context, setup.groupWindows) };
  const steps = stepCount(source, setup.stats);

  if (journal?.stateHash === undefined) embed(walk, tokens);
  else restoreStates(team, setup, walk);
  let codeBytes = journal?.codeBytes ?? 0;
  const start = performance.now();
  for (let step = journal?.doneSteps ?? 0; step < steps; step++) {
    const stepsOf = (pass: Pass, sequences: readonly Sequence[]): PassSteps =>
      step < hyper.layers ? pass.layerSteps(step, sequences) : outputSteps(pass, weights.output.matrix, sequences);
    walkSteps(walk, stepsOf, (input) => roundingVisitor(bench, sides, input));
    if (journal !== undefined) {
      const states = step + 1 < steps ? walk : undefined;
      codeBytes = recordStep(team, setup, states, step, codeBytes, bench.outputs);
    }
    const name = step < hyper.layers ? `layer ${step + 1} of ${hyper.layers}` : "output";
    if (team.rank === 0) report({ done: step + 1, of: steps, step: name } satisfies StepNote);
  }
  const { seconds } = bench;
  const all = (performance.now() - start) / 1000;
  return { ...seconds, passes: all - seconds.sums - seconds.factors - seconds.rounding };
}

function passOf(
  { hyper, weights, buffers }: ProgramModel,
  bench: Workbench,
  numerics: Numerics,
  context: number,
): Pass {
  const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
  const headMemory = (): HeadMemory => {
    memory.clear();
    return memory;
  };
  return makePass({ bench, hyper, weights, buffers, positions: context, headMemory });
}

/** The states that all windows begin with. */
function embed({ sides, groups, context }: Walk, tokens: Int32Array): void {
  for (const { number, firstWindow, windows } of groups) {
    for (const side of sides) {
      side.pass.embed(
        tokens.subarray(firstWindow * context, (firstWindow + windows) * context),
        windowSequences(windows, context),
      );
      side.turns.leave(number, [statesOf(side, windows * context)]);
    }
  }
}

/** The stop before the output matrix; nobody goes on from there. */
function* outputSteps(pass: Pass, matrix: Matrix, sequences: readonly Sequence[]): PassSteps {
  const rows = sequences.reduce((sum, { count }) => sum + count, 0);
  const activations = pass.outputInput(Uint32Array.from({ length: rows }, (_, row) => row));
  yield { matrices: [matrix], activations, rows, kept: [activations.floats.subarray(0, rows * matrix.columns)] };
}
