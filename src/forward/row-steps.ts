/**
 * What the parts of a layer are made of: steps of the whole team that go row by row, and the descriptions of products.
 * Activations lie in buffers that all members share; each member knows small tensors (norms, biases) by itself.
 */
import type { Tensor } from "../read/model.ts";
import { elementCount } from "../read/model.ts";
import type { PassContext, PassSteps } from "./pass.types.ts";
import type { ActivationRows } from "./numerics/numerics.ts";
import { layerNorm, rmsNorm } from "./numerics/row-functions.ts";
import { scalarNumerics } from "./numerics/scalar-numerics.ts";
import {
  activationKind,
  matrixForm,
  multiplyAll,
  quantizeRows,
  readMatrixRows,
  type Multiplication,
} from "./projections.ts";
import type { Matrix, Norm, Projection } from "./weights.ts";

const { fround } = Math;

/** Rows that a member takes at a time in steps that go row by row. */
export const ROWS_PER_PART = 32;

export type RowSteps = ReturnType<typeof makeRowSteps>;

export function makeRowSteps({ bench, hyper, buffers }: PassContext) {
  const { team, arithmetic } = bench;
  const vectors = new Map<string, Float32Array>();

  /** A small tensor as f32, read once. */
  const vectorOf = (tensor: Tensor): Float32Array => {
    const known = vectors.get(tensor.name);
    if (known !== undefined) return known;
    const columns = tensor.shape[0]!;
    const rows = elementCount(tensor.shape) / columns;
    const matrix: Matrix = { tensor, firstRow: 0, rows, columns, slices: 1 };
    const read = (bytes: Uint8Array): void => readMatrixRows(bench, matrix, 0, 0, rows, bytes);
    const values = scalarNumerics().decodeRows(matrixForm(matrix, 0, "float"), rows, read);
    vectors.set(tensor.name, values);
    return values;
  };

  /** Shares out rows. */
  const eachRow = (rows: number, work: (first: number, count: number) => void): void =>
    team.each(Math.ceil(rows / ROWS_PER_PART), (part) => {
      const first = part * ROWS_PER_PART;
      work(first, Math.min(ROWS_PER_PART, rows - first));
    });

  /** The model's kind of norm, with weights from `first` on. @param out may be `x` */
  const normed = ({ weight, bias }: Norm, x: Float32Array, out: Float32Array, first = 0): void => {
    const part = (tensor: Tensor): Float32Array => vectorOf(tensor).subarray(first, first + x.length);
    if (hyper.rules.norm === "layer") layerNorm(x, part(weight), bias && part(bias), hyper.epsilon, out);
    else rmsNorm(x, part(weight), hyper.epsilon, out);
  };

  /** Activations in the forms that these matrices multiply with. */
  const rowsFor = (floats: Float32Array, columns: number, matrices: readonly Matrix[]): ActivationRows => {
    const kinds = matrices.map(({ tensor }) => activationKind(tensor.codec, columns, arithmetic));
    const quantized = Object.fromEntries(
      kinds.flatMap((kind) => (kind === undefined ? [] : [[kind, buffers.quantized[kind]]])),
    );
    return { columns, floats, quantized };
  };

  /** The product of the first `rows` rows of an input. */
  const projected = (
    { matrix, bias }: Projection,
    input: ActivationRows,
    rows: number,
    out: Float32Array,
    addScaled?: number,
  ): Multiplication => ({
    matrix,
    slice: 0,
    input,
    rows: { first: 0, count: rows },
    out,
    outStride: matrix.rows,
    ...(bias && { bias: vectorOf(bias).subarray(matrix.firstRow, matrix.firstRow + matrix.rows) }),
    ...(addScaled !== undefined && { addScaled }),
  });

  /** states += residualScale * (norm of `added`) */
  const addToStates = (norm: Norm, rows: number): void =>
    eachRow(rows, (first, count) => {
      const { width, residualScale } = hyper;
      for (let row = first; row < first + count; row++) {
        const state = buffers.state.subarray(row * width, (row + 1) * width);
        const added = buffers.added.subarray(row * width, (row + 1) * width);
        normed(norm, added, added);
        for (let i = 0; i < width; i++) state[i] = fround(state[i]! + fround(added[i]! * fround(residualScale)));
      }
    });

  /** Normed states, ready for these matrices. */
  const normStates = (norm: Norm | undefined, rows: number, matrices: readonly Matrix[]): ActivationRows => {
    const { width } = hyper;
    const input = rowsFor(buffers.normed, width, matrices);
    eachRow(rows, (first, count) => {
      for (let row = first; row < first + count; row++) {
        const state = buffers.state.subarray(row * width, (row + 1) * width);
        const out = buffers.normed.subarray(row * width, (row + 1) * width);
        if (norm === undefined) out.set(state);
        else normed(norm, state, out);
      }
      quantizeRows(bench, input, first, count);
    });
    return input;
  };

  /** The first `rows` rows of the states. */
  const statesOf = (rows: number): Float32Array => buffers.state.subarray(0, rows * hyper.width);

  /**
   * states += projection of `floats`, normed where there is a norm.
   * @param kept what is needed afterwards, beside the states and `floats`
   */
  function* addProjected(
    projection: Projection,
    floats: Float32Array,
    rows: number,
    norm: Norm | undefined,
    kept: readonly Float32Array[] = [],
  ): PassSteps {
    const { matrix } = projection;
    const input = rowsFor(floats, matrix.columns, [matrix]);
    eachRow(rows, (first, count) => quantizeRows(bench, input, first, count));
    yield {
      matrices: [matrix],
      activations: input,
      rows,
      isAdded: norm === undefined,
      kept: [statesOf(rows), floats.subarray(0, rows * matrix.columns), ...kept],
    };
    const out = norm === undefined ? buffers.state : buffers.added;
    multiplyAll(bench, [projected(projection, input, rows, out, norm === undefined ? hyper.residualScale : undefined)]);
    if (norm !== undefined) addToStates(norm, rows);
  }

  return { vectorOf, eachRow, normed, rowsFor, projected, statesOf, addToStates, normStates, addProjected };
}
