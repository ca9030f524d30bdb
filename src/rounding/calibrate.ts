/**
 * Calibration, layer by layer: what goes into each matrix is gathered over the tokens of a text, the matrix is rounded
 * against it, and the next matrix sees what the rounded ones before it make of the text.
 *
 * Two passes run side by side, the float model's and that of the file in the making. At each product both stop; with
 * `isAsymmetric` the targets are the float model's outputs, to be made from the inputs that the rounded model has.
 *
 * Sources: GPTQ (E. Frantar et al., arXiv:2210.17323), LDLQ (J. Chee et al., QuIP, arXiv:2307.13304), asymmetric targets
 * (GPTAQ, Y. Li et al., arXiv:2504.02692), coordinate descent as in QuantEase (K. Behdin et al., arXiv:2309.01885).
 */
import { openSync } from "node:fs";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../forward/member.ts";
import type { HeadMemory } from "../forward/numerics/numerics.ts";
import { headMemoryBytes } from "../forward/numerics/wasm-numerics.ts";
import { makePass } from "../forward/pass.ts";
import type { Pass, PassInput, PassSteps, Sequence } from "../forward/pass.types.ts";
import type { ProgramReport } from "../forward/programs/program.types.ts";
import { multiplyAll, type Workbench } from "../forward/projections.ts";
import { openStream, type Stream } from "../forward/streams.ts";
import type { Team } from "../forward/team.ts";
import { matricesOf, type Matrix } from "../forward/weights.ts";
import { MOST_BAND_ROWS, rowsOfBand, type CalibrateSetup, type CalibrationBench } from "./bench.ts";
import { scalarAlgebra, wasmAlgebra } from "./algebra/algebra.ts";
import { bandPoolBytes, makeBandPool } from "./band.ts";
import { damp, dampingFor, factorize, factorRoomBytes, makeFactorRoom, type Factor } from "./factor.ts";
import { addCrossProducts, addSquares, gatherRoomBytes, makeGatherRoom, type TokenRows } from "./gather.ts";
import { codebookRounderBytes } from "./round-codebook-rows.ts";
import { roundMatrix, type MatrixTask } from "./round-matrix.ts";
import { uniformRounderBytes } from "./round-uniform.ts";
import { upperLength } from "./upper-matrix.ts";

const { fround } = Math;

/** An expert that fewer tokens come to, for each column, is filled up with what comes to all of them. */
const LEAST_TOKENS_PER_COLUMN = 2;

/** Bytes of a member's algebra. */
export function algebraBytes(sizes: readonly number[], context: number, codecs: readonly string[]): number {
  const [weights, size] = [Math.max(...sizes.map((n) => n * rowsOfBand(n))), Math.max(...sizes)];
  const rounders = [...new Set(codecs)].reduce((sum, codec) => {
    const format = findFormat(codec)!;
    if (isCodebookFormat(format)) return sum + codebookRounderBytes(format, MOST_BAND_ROWS, weights);
    return sum + uniformRounderBytes(MOST_BAND_ROWS);
  }, 0);
  const rooms = factorRoomBytes(size) + gatherRoomBytes(context);
  // Beside these the importance of each column, and two bands of encoded blocks.
  return bandPoolBytes(weights, size, MOST_BAND_ROWS) + rooms + rounders + 4 * size + 4 * weights + 65536;
}

export function calibrate(
  setup: CalibrateSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { source, result, context } = setup;
  const { hyper, weights } = source;
  const sizes = [...new Set(matricesOf(weights).map(({ columns }) => columns))];
  const codecs = matricesOf(result.weights).flatMap(({ tensor }) =>
    setup.stats.has(tensor.name) ? [tensor.codec] : [],
  );
  const algebra = module === undefined ? scalarAlgebra() : wasmAlgebra(module, algebraBytes(sizes, context, codecs));
  const headBytes = 2 * headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const numerics = makeNumerics(module, numericsLimits([source, result], context, headBytes));
  const bench: CalibrationBench = {
    setup,
    team,
    algebra,
    pool: makeBandPool(algebra, Math.max(...sizes.map((n) => n * rowsOfBand(n))), Math.max(...sizes), MOST_BAND_ROWS),
    factorRoom: makeFactorRoom(algebra, Math.max(...sizes)),
    gatherRoom: makeGatherRoom(algebra, context),
    source: workbench(team, numerics, source),
    result: workbench(team, numerics, result),
    outputs: result.files.map(({ path }) => openSync(path, "r+")),
  };
  const passOf = (model: ProgramModel, own: Workbench): Pass => {
    const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
    const headMemory = (): HeadMemory => {
      memory.clear();
      return memory;
    };
    return makePass({ bench: own, hyper: model.hyper, weights: model.weights, buffers: model.buffers, headMemory });
  };
  const sides: Side[] = [
    side(team, passOf(source, bench.source), source),
    ...(setup.isAsymmetric ? [side(team, passOf(result, bench.result), result)] : []),
  ];
  const windows = setup.tokens.length / context;
  const groups = Array.from({ length: Math.ceil(windows / setup.groupWindows) }, (_, group) => {
    const first = group * setup.groupWindows;
    return { first, count: Math.min(setup.groupWindows, windows - first) };
  });
  for (const { first, count } of groups) {
    for (const { pass, stream } of sides) {
      pass.embed(setup.tokens.subarray(first * context, (first + count) * context));
      stream.save(first * context, count * context);
    }
  }
  for (let layer = 0; layer < hyper.layers; layer++) {
    calibrateSteps(bench, sides, groups, (pass, sequences) => pass.layerSteps(layer, sequences));
    if (team.rank === 0)
      report({ done: layer + 1, of: hyper.layers + 1, step: `layer ${layer + 1} of ${hyper.layers}` });
  }
  if (setup.stats.has(weights.output.matrix.tensor.name)) {
    calibrateSteps(
      bench,
      sides,
      groups,
      (pass, sequences) => outputSteps(pass, weights.output.matrix, sequences),
      true,
    );
  }
  if (team.rank === 0) report({ done: hyper.layers + 1, of: hyper.layers + 1, step: "output" });
}

/** The stop before the output matrix; nobody goes on from there. */
function* outputSteps(pass: Pass, matrix: Matrix, sequences: readonly Sequence[]): PassSteps {
  const rows = sequences.reduce((sum, { count }) => sum + count, 0);
  const activations = pass.outputInput(Uint32Array.from({ length: rows }, (_, row) => row));
  yield { matrices: [matrix], activations, rows };
}

/** One of the two passes. */
interface Side {
  readonly pass: Pass;
  readonly stream: Stream;
  readonly state: Float32Array;
}

function side(team: Team, pass: Pass, { stream, buffers, hyper }: CalibrateSetup["source"]): Side {
  return { pass, stream: openStream(team, stream, buffers.state, hyper.width), state: buffers.state };
}

interface Group {
  readonly first: number;
  readonly count: number;
}

/**
 * Takes all groups through some steps, and calibrates the matrices at each stop. With one group both passes wait at the
 * stop; with several they are taken up to it again for each.
 */
function calibrateSteps(
  bench: CalibrationBench,
  sides: readonly Side[],
  groups: readonly Group[],
  start: (pass: Pass, sequences: readonly Sequence[]) => PassSteps,
  isLast = false,
): void {
  const { context } = bench.setup;
  const begin = ({ first, count }: Group): PassSteps[] => {
    const sequences = Array.from({ length: count }, (_, w): Sequence => ({
      row: w * context,
      count: context,
      position: 0,
    }));
    return sides.map(({ pass, stream }) => {
      stream.load(first * context, count * context);
      return start(pass, sequences);
    });
  };
  const advance = (steps: readonly PassSteps[]): (PassInput | undefined)[] =>
    steps.map((step) => {
      const next = step.next();
      return next.done === true ? undefined : next.value;
    });

  const waiting = groups.length === 1 ? begin(groups[0]!) : undefined;
  for (let stop = 0; ; stop++) {
    let gathering: Gathering | undefined;
    let isOver = false;
    for (const group of groups) {
      const steps = waiting ?? begin(group);
      // One that waits is at the stop before.
      for (let skipped = waiting === undefined ? 0 : stop; skipped < stop; skipped++) advance(steps);
      const inputs = advance(steps);
      const [own] = inputs;
      if (own === undefined) {
        isOver = true;
        for (const { stream } of sides) stream.save(group.first * context, group.count * context);
        continue;
      }
      gathering ??= beginGathering(bench, own);
      if (gathering === undefined) break;
      gathering.add(inputs as PassInput[], group.count, sides);
    }
    if (isOver) return;
    gathering?.finish();
    if (isLast) return;
  }
}

/** Sums for the matrices that share an input. */
interface Gathering {
  add(inputs: readonly PassInput[], windows: number, sides: readonly Side[]): void;
  finish(): void;
}

/** @returns undefined when none of the matrices is to be calibrated */
function beginGathering(bench: CalibrationBench, { matrices, isAdded, rowsOf }: PassInput): Gathering | undefined {
  const { setup, team, algebra, gatherRoom } = bench;
  const wanted = matrices.filter(({ tensor }) => setup.stats.has(tensor.name));
  const [first] = wanted;
  if (first === undefined) return undefined;
  const size = first.columns;
  const tasks = wanted.map((matrix): MatrixTask => ({ source: matrix, result: resultOf(bench, matrix) }));
  if (rowsOf !== undefined) return expertGathering(bench, tasks, size);
  const hessian = setup.hessian.subarray(0, upperLength(size));
  const isResidual = isAdded === true && wanted.length === 1;
  const outputs = isResidual ? first.rows : size;
  const cross = setup.isAsymmetric ? setup.cross.subarray(0, outputs * size) : undefined;
  clear(team, hessian, cross);
  let tokens = 0;
  return {
    add(inputs, windows, sides) {
      const rows = Array.from({ length: windows }, (_, w) => ({ first: w * setup.context, count: setup.context }));
      const rowsOfSide = inputs.map(({ activations }): TokenRows => ({ floats: activations.floats, length: size }));
      const own = rowsOfSide.at(-1)!;
      addSquares(team, algebra, gatherRoom, own, rows, { size, values: hessian });
      if (cross !== undefined) {
        const left = isResidual ? wantedOutputs(bench, first, inputs[0]!, sides) : rowsOfSide[0]!;
        addCrossProducts(team, algebra, gatherRoom, left, own, rows, cross);
      }
      tokens += windows * setup.context;
    },
    finish() {
      const { factor, damping } = makeFactor(bench, size, hessian, tokens / size);
      const targets = cross && { values: cross, isOfOutputs: isResidual, damping };
      for (const task of tasks) roundMatrix(bench, task, 0, factor, { tokens, damping, ...(targets && { targets }) });
    },
  };
}

/** The matrix of the file in the making that stands for one of the source. */
function resultOf({ setup }: CalibrationBench, { tensor }: Matrix): Matrix {
  return matricesOf(setup.result.weights).find((matrix) => matrix.tensor.name === tensor.name)!;
}

function clear(team: Team, ...arrays: readonly (Float32Array | undefined)[]): void {
  const part = 2 ** 20;
  const parts = arrays.flatMap((array) =>
    array === undefined
      ? []
      : Array.from({ length: Math.ceil(array.length / part) }, (_, i) => array.subarray(i * part, (i + 1) * part)),
  );
  team.each(parts.length, (i) => parts[i]!.fill(0));
}

/** Damps and factorises. */
function makeFactor(bench: CalibrationBench, size: number, hessian: Float32Array, ratio: number) {
  const { setup, team, algebra, factorRoom } = bench;
  const factor: Factor = { size, values: hessian, inverses: setup.inverses };
  // Every member learns the damping from the diagonal; one adds it, when all have looked.
  const damping = dampingFor(factor, ratio);
  team.once(() => {});
  team.once(() => damp(factor, damping));
  factorize(team, algebra, factorRoom, factor);
  return { factor, damping };
}

/**
 * What the float model adds to its states, and how far the states of the file in the making are behind: rows of outputs
 * that the matrix should have from the inputs of that file.
 */
function wantedOutputs(bench: CalibrationBench, matrix: Matrix, input: PassInput, sides: readonly Side[]): TokenRows {
  const { setup, team } = bench;
  const out = setup.result.buffers.added;
  const { rows } = input;
  const width = matrix.rows;
  multiplyAll(bench.source, [
    { matrix, slice: 0, input: input.activations, rows: { first: 0, count: rows }, out, outStride: width },
  ]);
  const [float, rounded] = sides.map(({ state }) => state) as [Float32Array, Float32Array];
  const scale = fround(1 / setup.source.hyper.residualScale);
  const part = 64;
  team.each(Math.ceil(rows / part), (index) => {
    const end = Math.min(rows, (index + 1) * part) * width;
    for (let i = index * part * width; i < end; i++) {
      out[i] = fround(out[i]! + fround(fround(float[i]! - rounded[i]!) * scale));
    }
  });
  return { floats: out, length: width };
}

/** Experts see different tokens: each has sums and a factor of its own, filled up with those of all where they are few. */
function expertGathering(bench: CalibrationBench, tasks: readonly MatrixTask[], size: number): Gathering {
  const { setup, team, algebra, gatherRoom } = bench;
  const hessian = setup.hessian.subarray(0, upperLength(size));
  const common = setup.commonHessian!.subarray(0, upperLength(size));
  return {
    add(inputs, windows) {
      const input = inputs.at(-1)!;
      const rowsPerWindow = input.rows / windows;
      const own: TokenRows = { floats: input.activations.floats, length: size };
      const { slices } = tasks[0]!.source;
      const all = Array.from({ length: windows }, (_, w) => {
        return { first: w * rowsPerWindow, count: rowsPerWindow };
      });
      clear(team, common);
      addSquares(team, algebra, gatherRoom, own, all, { size, values: common });
      for (let slice = 0; slice < slices; slice++) {
        const rows = input.rowsOf!(slice);
        const byWindow = all.map(({ first, count }) => rows.filter((row) => row >= first && row < first + count));
        clear(team, hessian);
        addSquares(team, algebra, gatherRoom, own, byWindow, { size, values: hessian });
        const missing = LEAST_TOKENS_PER_COLUMN * size - rows.length;
        if (missing > 0) addPart(team, hessian, common, fround(missing / input.rows));
        const { factor, damping } = makeFactor(
          bench,
          size,
          hessian,
          Math.max(rows.length, LEAST_TOKENS_PER_COLUMN * size) / size,
        );
        for (const task of tasks) roundMatrix(bench, task, slice, factor, { tokens: rows.length, damping });
      }
    },
    finish() {},
  };
}

function addPart(team: Team, to: Float32Array, from: Float32Array, factor: number): void {
  const part = 2 ** 18;
  team.each(Math.ceil(to.length / part), (index) => {
    const end = Math.min(to.length, (index + 1) * part);
    for (let i = index * part; i < end; i++) to[i] = fround(to[i]! + fround(from[i]! * factor));
  });
}
