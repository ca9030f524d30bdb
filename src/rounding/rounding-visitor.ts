/** Who looks at the inputs of a stop in a calibration: sums them up, and rounds the matrices that they go into. */
import type { PassInput } from "../forward/pass.types.ts";
import { multiplyAll } from "../forward/projections.ts";
import { matricesOf, type Matrix } from "../forward/weights.ts";
import { timed, type CalibrationBench, type RoundingBench } from "./bench.ts";
import { addCrossProducts, type TokenColumns } from "./gather.ts";
import { partSweeps, type Sweep } from "./part-sweeps.ts";
import type { MatrixPair } from "./round-matrix.ts";
import { roundPart } from "./round-part.ts";
import { addInputs, beginSums, clear, commonOf, fillUp, hessianOf } from "./sum-inputs.ts";
import type { Targets } from "./targets.ts";
import { statesOf, type Side, type Visitor } from "./walk.ts";

const { fround } = Math;

/** @returns undefined when none of the stop's matrices is to be calibrated */
export function roundingVisitor(
  bench: CalibrationBench,
  sides: readonly Side[],
  { matrices, isAdded, rowsOf }: Pick<PassInput, "matrices" | "isAdded" | "rowsOf">,
): Visitor | undefined {
  const { setup, team, seconds } = bench;
  const pairs = pairsOf(bench, matrices);
  if (pairs.length === 0) return undefined;
  const first = pairs[0]!.source;
  const isOfExperts = rowsOf !== undefined;
  const room = isOfExperts ? setup.hessians.length : 0;
  const sweeps = partSweeps(first.columns, first.slices, setup.mostColumns, room);
  const sums = { ...bench, ...setup };

  // Experts see different tokens in either model, and a part of the inputs makes no whole output.
  const isOfOutputs = isAdded === true && pairs.length === 1 && sweeps.length === 1;
  const targetsOf = ({ columns }: Sweep): Targets | undefined => {
    if (!setup.isAsymmetric || isOfExperts) return undefined;
    const rows = isOfOutputs ? first.rows : columns.count;
    return { values: setup.cross.subarray(0, rows * columns.count), isOfOutputs };
  };

  let number = 0;
  const begin = (sweep: Sweep) => {
    const targets = targetsOf(sweep);
    if (targets !== undefined) clear(team, [targets.values]);
    return { sweep, targets, counts: beginSums(sums, sweep, isOfExperts) };
  };
  let present = begin(sweeps[0]!);
  return {
    visit(inputs, { windows }) {
      const { sweep, targets, counts } = present;
      const own = inputs.at(-1)!;
      timed(seconds, "sums", () => {
        addInputs(sums, sweep, counts, own, windows);
        if (targets !== undefined) addTargets(bench, sides, first, inputs, sweep, targets, windows);
      });
    },
    finish() {
      const { sweep, targets, counts } = present;
      for (const [n, part] of sweep.parts.entries()) {
        const hessian = hessianOf(sums, sweep, n);
        const tokens = counts.parts[n]!;
        const worth = isOfExperts ? fillUp(team, hessian, commonOf(sums, sweep), tokens, counts.all) : tokens;
        roundPart(bench, pairs, part, { hessian, tokens, worth, ...(targets && { targets }) }, sweep.isLast);
      }
      number++;
      if (number === sweeps.length) return false;
      present = begin(sweeps[number]!);
      return true;
    },
  };
}

/** Those of the matrices that are to be calibrated, beside the ones of the file in the making that stand for them. */
export function pairsOf({ setup: { stats, result } }: RoundingBench, matrices: readonly Matrix[]): MatrixPair[] {
  const others = matricesOf(result.weights);
  return matrices
    .filter(({ tensor }) => stats.has(tensor.name))
    .map((source) => {
      const { tensor, firstRow } = source;
      const other = others.find((matrix) => matrix.tensor.name === tensor.name && matrix.firstRow === firstRow);
      return { source, result: other! };
    });
}

function addTargets(
  bench: CalibrationBench,
  sides: readonly Side[],
  matrix: Matrix,
  inputs: readonly PassInput[],
  { columns }: Sweep,
  { values, isOfOutputs }: Targets,
  windows: number,
): void {
  const { team, algebra, gatherRoom, setup } = bench;
  const rows = Array.from({ length: windows }, (_, w) => ({ first: w * setup.context, count: setup.context }));
  const [float, own] = inputs.map(({ activations }): TokenColumns => ({
    floats: activations.floats,
    stride: activations.columns,
    ...columns,
  }));
  const outputs = isOfOutputs ? wantedOutputs(bench, matrix, inputs[0]!, sides) : float!;
  addCrossProducts(team, algebra, gatherRoom, outputs, own!, rows, values);
}

/**
 * What the float model adds to its states, and how far the states of the file in the making are behind: rows of outputs
 * that the matrix should have from the inputs of that file.
 */
function wantedOutputs(
  bench: CalibrationBench,
  matrix: Matrix,
  { activations, rows }: PassInput,
  sides: readonly Side[],
): TokenColumns {
  const { setup, team } = bench;
  const { added } = setup.result.buffers;
  const width = matrix.rows;
  multiplyAll(bench.source, [
    { matrix, slice: 0, input: activations, rows: { first: 0, count: rows }, out: added, outStride: width },
  ]);
  const [float, rounded] = sides.map((side) => statesOf(side, rows)) as [Float32Array, Float32Array];
  const scale = fround(1 / setup.source.hyper.residualScale);
  const part = 64;
  team.each(Math.ceil(rows / part), (index) => {
    const end = Math.min(rows, (index + 1) * part) * width;
    for (let i = index * part * width; i < end; i++) {
      added[i] = fround(added[i]! + fround(fround(float[i]! - rounded[i]!) * scale));
    }
  });
  return { floats: added, stride: width, first: 0, count: width };
}
