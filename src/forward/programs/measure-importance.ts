/**
 * Importance: of every matrix in the layers, the sum of the squares of each column of its input over all tokens of a
 * text, as llama-imatrix counts it (f32, in the order of the tokens; experts only the tokens that come to them).
 */
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import { headMemoryBytes } from "../numerics/wasm-numerics.ts";
import { makePass } from "../pass.ts";
import type { Observer, Sequence } from "../pass.types.ts";
import { openStream, type StreamPlace } from "../streams.ts";
import type { Team } from "../team.ts";
import type { ProgramReport } from "./program.types.ts";

const { fround } = Math;

/** Columns that a member sums at a time. */
const COLUMNS_PER_PART = 256;

/** What is gathered for the matrices that share an input. */
export interface ImportanceSums {
  /** `columns` sums for each slice. */
  readonly sums: Float32Array;
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
  /** Rows of logits, when the output matrix is measured too. */
  readonly logits?: Float32Array;
}

export function measureImportance(
  setup: ImportanceSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { model, context, tokens, groupWindows, sums, logits } = setup;
  const { hyper, weights, buffers } = model;
  const headBytes = headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const numerics = makeNumerics(module, numericsLimits([model], context, headBytes));
  const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
  const headMemory = () => {
    memory.clear();
    return memory;
  };

  const observe: Observer = ({ matrices, activations, rows, rowsOf }) => {
    const found = sums.get(matrices[0]!.tensor.name);
    if (found === undefined) return;
    const { floats, columns } = activations;
    const slices = matrices[0]!.slices;
    const parts = Math.ceil(columns / COLUMNS_PER_PART);
    team.each(slices * parts, (index) => {
      const slice = Math.floor(index / parts);
      const start = (index % parts) * COLUMNS_PER_PART;
      const end = Math.min(columns, start + COLUMNS_PER_PART);
      const own = rowsOf?.(slice);
      const count = own?.length ?? rows;
      for (let n = 0; n < count; n++) {
        const at = (own === undefined ? n : own[n]!) * columns;
        for (let column = start; column < end; column++) {
          const x = floats[at + column]!;
          found.sums[slice * columns + column] = fround(found.sums[slice * columns + column]! + fround(x * x));
        }
      }
      if (start === 0) found.counts[slice]! += count;
    });
  };

  const pass = makePass({ bench: workbench(team, numerics, model), hyper, weights, buffers, headMemory, observe });
  const stream = openStream(team, setup.stream, buffers.state, hyper.width);
  const windows = tokens.length / context;
  const steps = hyper.layers + 1 + Number(logits !== undefined);
  for (let step = 0; step < steps; step++) {
    for (let first = 0; first < windows; first += groupWindows) {
      const count = Math.min(groupWindows, windows - first);
      const [row, rows] = [first * context, count * context];
      if (step === 0) pass.embed(tokens.subarray(row, row + rows));
      else stream.load(row, rows);
      if (step > 0 && step <= hyper.layers) {
        const sequences = Array.from({ length: count }, (_, w): Sequence => ({
          row: w * context,
          count: context,
          position: 0,
        }));
        pass.layer(step - 1, sequences);
      }
      if (step > hyper.layers) observeOutput(rows);
      else stream.save(row, rows);
    }
    if (team.rank === 0) report({ done: step + 1, of: steps });
  }

  /** The output matrix sees the normed states: few rows of logits at a time, which nobody wants. */
  function observeOutput(rows: number): void {
    const held = logits!.length / weights.vocabulary;
    for (let from = 0; from < rows; from += held) {
      pass.logits(
        Uint32Array.from({ length: Math.min(held, rows - from) }, (_, n) => from + n),
        logits!,
      );
    }
  }
}
