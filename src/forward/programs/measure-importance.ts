/**
 * Importance: of every matrix, the sum of the squares of each column of its input over all tokens of a text, as
 * llama-imatrix adds them up (f32, in the order of the tokens; experts only the tokens that come to them).
 */
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import { headMemoryBytes } from "../numerics/wasm-numerics.ts";
import { makePass } from "../pass.ts";
import type { PassInput } from "../pass.types.ts";
import { openStream, type StreamPlace } from "../streams.ts";
import type { Team } from "../team.ts";
import { layersWork, passWork } from "../work.ts";
import type { ProgramReport, StepNote } from "./program.types.ts";
import { windowSequences } from "../window-sequences.ts";

const { fround } = Math;

/** Columns that a member sums at a time. */
const COLUMNS_PER_PART = 256;

/** What is gathered for the matrices that share an input, on shared memory. */
export interface ImportanceSums {
  /** A row of columns for each slice. */
  readonly squares: Float32Array;
  /** Rows of activations that came to each slice. */
  readonly counts: Float64Array;
}

export interface ImportanceSetup {
  readonly model: ProgramModel;
  readonly stream: StreamPlace;
  readonly context: number;
  readonly tokens: Int32Array;
  readonly groupWindows: number;
  /** By the first of the matrices that share an input. */
  readonly sums: ReadonlyMap<string, ImportanceSums>;
  /** True when the output matrix is measured too. */
  readonly withOutput: boolean;
}

export function measureImportance(
  setup: ImportanceSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { model, context, tokens, groupWindows, withOutput } = setup;
  const { hyper, weights, buffers } = model;
  const headBytes = headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const numerics = makeNumerics(module, numericsLimits([model], context, headBytes));
  const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
  const headMemory = () => {
    memory.clear();
    return memory;
  };
  const measure = measurer(setup.sums, team);
  const pass = makePass({
    bench: workbench(team, numerics, model),
    hyper,
    weights,
    buffers,
    positions: context,
    headMemory,
  });
  const stream = openStream(team, setup.stream, buffers.state, hyper.width);
  const windows = tokens.length / context;
  const work = passWork(hyper, weights);
  const of = tokens.length * layersWork(work);
  let done = 0;
  if (team.rank === 0) report({ done, of, step: "embedding" } satisfies StepNote);

  for (let step = 0; step <= hyper.layers + Number(withOutput); step++) {
    for (let first = 0; first < windows; first += groupWindows) {
      const count = Math.min(groupWindows, windows - first);
      const [row, rows] = [first * context, count * context];
      if (step === 0) pass.embed(tokens.subarray(row, row + rows), windowSequences(count, context));
      else stream.load(row, rows);
      if (step > hyper.layers) {
        const activations = pass.outputInput(Uint32Array.from({ length: rows }, (_, n) => n));
        measure({ matrices: [weights.output.matrix], activations, rows });
        continue;
      }
      if (step > 0) {
        for (const input of pass.layerSteps(step - 1, windowSequences(count, context))) measure(input);
        done += rows * work.layers[step - 1]!;
        if (team.rank === 0) report({ done, of, step: `layer ${step} of ${hyper.layers}` } satisfies StepNote);
      }
      stream.save(row, rows);
    }
  }
}

/** Adds up what goes into matrices, columns shared out among the team. */
function measurer(sums: ImportanceSetup["sums"], team: Team): (input: Omit<PassInput, "kept">) => void {
  return ({ matrices, activations, rows, rowsOf }) => {
    const [first] = matrices;
    const found = sums.get(first!.tensor.name);
    if (found === undefined) return;
    const { floats, columns } = activations;
    const { squares, counts } = found;
    const parts = Math.ceil(columns / COLUMNS_PER_PART);
    team.each(first!.slices * parts, (part) => {
      const slice = Math.floor(part / parts);
      const start = (part % parts) * COLUMNS_PER_PART;
      const end = Math.min(columns, start + COLUMNS_PER_PART);
      const own = rowsOf?.(slice);
      const count = own?.length ?? rows;
      for (let n = 0; n < count; n++) {
        const at = (own === undefined ? n : own[n]!) * columns;
        for (let column = start; column < end; column++) {
          const x = floats[at + column]!;
          const sum = slice * columns + column;
          squares[sum] = fround(squares[sum]! + fround(x * x));
        }
      }
      if (start === 0) counts[slice]! += count;
    });
  };
}
