/**
 * How a calibration fits into memory: how many windows go through a layer at a time, and where hidden states wait. Pure
 * arithmetic on shapes; results do not depend on it.
 */
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY } from "../engine/run-options.ts";
import { QuantizeError } from "../errors.ts";
import type { PassShape } from "../evaluate/plan-passes.ts";
import { passBytes } from "../forward/buffers.ts";
import { numericsLimits } from "../forward/member.ts";
import { headMemoryBytes, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { layersWork, passWork } from "../forward/work.ts";
import type { LayerWeights, Matrix, ModelWeights, Projection } from "../forward/weights.ts";
import { rowsOfBand } from "../rounding/bench.ts";
import { algebraBytes } from "../rounding/calibrate.ts";
import { inversesLength } from "../rounding/factor.ts";
import { BAND_STATS } from "../rounding/round-matrix.ts";
import { upperLength } from "../rounding/upper-matrix.ts";
import type { CalibrationMethod } from "./calibration-method.ts";

const MIB = 2 ** 20;
/** Multiplications and additions per second and thread of an ordinary machine, for estimates of time only. */
const OPERATIONS_PER_SECOND = 20e9;

/** Floats of the arrays that hold sums and factors, for the largest matrix. */
export interface CalibrationArrays {
  readonly hessian: number;
  readonly inverses: number;
  readonly cross: number;
  readonly common: number;
  readonly bandStats: number;
}

export interface CalibrationPlan {
  readonly threads: number;
  readonly groupWindows: number;
  readonly streams: "buffer" | "memory" | "file";
  readonly arrays: CalibrationArrays;
  readonly peakBytes: number;
  readonly diskBytes: number;
  /** Of the products alone, on an ordinary machine. */
  readonly estimatedSeconds: number;
}

/** Sizes of the sums that calibrating these matrices takes. */
export function calibrationArrays(
  { layers, output }: ModelWeights,
  calibrated: ReadonlySet<string>,
  { isAsymmetric }: CalibrationMethod,
): CalibrationArrays {
  const wanted = ({ tensor }: Matrix): boolean => calibrated.has(tensor.name);
  const matrices = [...layers.flatMap(matricesOfLayer), output.matrix].filter(wanted);
  const most = (value: (matrix: Matrix) => number): number =>
    matrices.reduce((max, matrix) => Math.max(max, value(matrix)), 0);
  // Matrices whose outputs are added to the states take the products of outputs with inputs, others those of inputs.
  const added = new Set(
    layers.flatMap(({ attentionOutput, feedForward }) => [attentionOutput.matrix, feedForward.down.matrix]),
  );
  const largest = most(({ columns }) => columns);
  return {
    hessian: upperLength(largest),
    inverses: inversesLength(largest),
    cross: isAsymmetric
      ? most((matrix) => (added.has(matrix) && matrix.slices === 1 ? matrix.rows : matrix.columns) * matrix.columns)
      : 0,
    common: upperLength(most(({ columns, slices }) => (slices > 1 ? columns : 0))),
    bandStats: BAND_STATS * most(({ rows, columns }) => Math.ceil(rows / rowsOfBand(columns))),
  };
}

function matricesOfLayer({ query, key, value, attentionOutput, feedForward }: LayerWeights): Matrix[] {
  const { gate, up, down } = feedForward;
  return [query, key, value, attentionOutput, gate, up, down].flatMap(
    (projection: Projection | undefined) => projection?.matrix ?? [],
  );
}

/**
 * @param source the float model, `result` the file in the making
 * @param calibrated names of the tensors to calibrate
 * @throws QuantizeError `no-room` when not even one window at a time fits
 */
export function planCalibration(
  source: PassShape,
  result: PassShape,
  calibrated: ReadonlySet<string>,
  { context, count }: { readonly context: number; readonly count: number },
  method: CalibrationMethod,
  options: { readonly threads: number; readonly maxMemory?: number },
): CalibrationPlan {
  const { maxMemory = DEFAULT_MAX_MEMORY } = options;
  const { hyper, weights } = source;
  const tokens = context * count;
  const passes = method.isAsymmetric ? 2 : 1;
  const arrays = calibrationArrays(weights, calibrated, method);
  const matrices = [...weights.layers.flatMap(matricesOfLayer), weights.output.matrix];
  const codecs = [...result.weights.layers.flatMap(matricesOfLayer), result.weights.output.matrix].flatMap(
    ({ tensor }) => (calibrated.has(tensor.name) ? [tensor.codec] : []),
  );
  const algebra = algebraBytes(
    matrices.map(({ columns }) => columns),
    context,
    codecs,
  );
  const kept = 2 * headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const perWorker = WORKER_BYTES + algebra + numericsBytes(numericsLimits([source, result], context, kept));
  const sums = arrays.hessian + (method.descents > 0 ? 2 : 1) * arrays.inverses + arrays.cross + arrays.common;
  const always = PROCESS_BYTES + 4 * sums + 8 * arrays.bandStats + 8 * tokens;
  const groupBytes = (rows: number): number => passes * passBytes(hyper, weights, rows);
  const streamBytes = passes * tokens * hyper.width * 4;

  for (let threads = options.threads; threads >= 1; threads--) {
    const left = maxMemory - always - threads * perWorker;
    const done = (groupWindows: number, streams: CalibrationPlan["streams"], bytes: number): CalibrationPlan => ({
      threads,
      groupWindows,
      streams,
      arrays,
      peakBytes: maxMemory - left + bytes,
      diskBytes: streams === "file" ? streamBytes : 0,
      estimatedSeconds:
        operations(source, matrices, tokens, method, groupWindows < count) / (threads * OPERATIONS_PER_SECOND),
    });
    if (groupBytes(tokens) <= left) return done(count, "buffer", groupBytes(tokens));
    const most = (room: number): number => Math.min(count, Math.floor(room / groupBytes(context)));
    if (streamBytes <= left / 2 && most(left - streamBytes) >= 1) {
      const group = most(left - streamBytes);
      return done(group, "memory", streamBytes + groupBytes(group * context));
    }
    if (most(left) >= 1) return done(most(left), "file", groupBytes(most(left) * context));
  }
  const needed = Math.ceil((always + perWorker + groupBytes(context)) / MIB);
  throw new QuantizeError(
    "no-room",
    `calibrating with one thread and one window of ${context} tokens at a time needs ${needed} MiB of memory, ` +
      `the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory)`,
  );
}

/** Multiplications and additions: of the passes, of the sums over tokens, of factors, feedback and descent. */
function operations(
  { hyper, weights }: PassShape,
  matrices: readonly Matrix[],
  tokens: number,
  { isAsymmetric, descents }: CalibrationMethod,
  isRepeated: boolean,
): number {
  // With several groups of windows each layer is gone through up to each of its four inputs.
  const passes = (isAsymmetric ? 2 : 1) * (isRepeated ? 2.5 : 1);
  const forward = 2 * tokens * layersWork(passWork(hyper, weights)) * passes;
  const rounding = matrices.reduce((sum, { rows, columns, slices }) => {
    const gather = tokens * columns * columns * (isAsymmetric ? 3 : 1);
    const perRow = columns * columns * ((isAsymmetric ? 9 : 3) + 2 * descents);
    return sum + gather / 3 + slices * (columns ** 3 / 3 / 3 + rows * perRow);
  }, 0);
  return forward + rounding;
}
