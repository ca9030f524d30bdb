/** The definitions themselves. */
import { rowBytes } from "../../../codecs/codec.ts";
import { isCodebookFormat } from "../../../codecs/registry.ts";
import type { Codec } from "../../../codecs/codec.ts";
import { unpack } from "../../../layouts/pack.ts";
import { gemm } from "../../kernels/gemm.ts";
import { expandedRowBytes } from "../../kernels/kernel-numbers.ts";
import { activationRowBytes, quantizeActivations, readActivations } from "../../kernels/quantize-activations.ts";
import { divergence, sumExponentials } from "./logits.ts";
import { multiply, packPanel, panelLength, PANEL_ROWS } from "./multiply.ts";
import type { ActivationRows, HeadMemory, MatrixForm, Numerics, RowChoice, ScoreRule, Tile } from "./numerics.ts";
import { activateRows, gateRows, softmax, tanhF32 } from "./row-functions.ts";

const { fround } = Math;

interface ScalarTile extends Tile {
  /** Of float arithmetic. */
  readonly panel?: Float32Array;
  /** Of integer arithmetic: the stored bytes. */
  readonly bytes?: Uint8Array;
}

function codecOf({ format, codebook }: MatrixForm): Codec {
  if (!isCodebookFormat(format)) return format;
  if (codebook === undefined) throw new RangeError(`${format.name}: tables expected, found none`);
  return format.bind(codebook);
}

function readRows(form: MatrixForm, rows: number, read: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(rows * rowBytes(form.format, form.columns));
  read(bytes);
  return bytes;
}

function decode(form: MatrixForm, rows: number, bytes: Uint8Array): Float32Array {
  const blocks = new Uint8Array(bytes.length);
  unpack(form.layout, bytes, blocks, rows, bytes.length / rows);
  const weights = new Float32Array(rows * form.columns);
  codecOf(form).decode(blocks, weights);
  return weights;
}

/** Copies of the chosen rows, one after the other. */
export function takeRows<T extends Float32Array | Uint8Array>(data: T, length: number, rows: RowChoice, out: T): void {
  if (!(rows instanceof Uint32Array)) {
    out.set(data.subarray(rows.first * length, (rows.first + rows.count) * length));
    return;
  }
  for (const [index, row] of rows.entries()) out.set(data.subarray(row * length, (row + 1) * length), index * length);
}

/** How many rows a choice names. */
export function countOf(rows: RowChoice): number {
  return rows instanceof Uint32Array ? rows.length : rows.count;
}

export function scalarNumerics(): Numerics {
  return {
    name: "scalar",
    quantizedRowBytes: (kind, columns) => expandedRowBytes(columns, kind === "q8_K"),
    quantizeRow: (kind, row, out) => out.set(quantizeActivations(kind, row, row.length)),
    loadTile(form, rows, _, read): ScalarTile {
      const bytes = readRows(form, rows, read);
      if (form.arithmetic !== "float") return { form, rows, bytes };
      const panel = new Float32Array(panelLength(rows, form.columns));
      packPanel(decode(form, rows, bytes), form.columns, rows, form.columns, panel);
      return { form, rows, panel };
    },
    hasRoomFor: () => true,
    multiply(tile: ScalarTile, activations, rows) {
      const { form, panel, bytes } = tile;
      const stride = Math.ceil(tile.rows / PANEL_ROWS) * PANEL_ROWS;
      const values = new Float32Array(countOf(rows) * stride);
      if (panel !== undefined) multiplyFloats(form, panel, activations, rows, values, stride);
      else multiplyIntegers(tile, bytes!, activations, rows, values, stride);
      return { values, stride };
    },
    decodeRows: (form, rows, read) => decode(form, rows, readRows(form, rows, read)),
    sumExponentials,
    divergence,
    gate: (activation, gate, up) => gateRows(activation, gate.values, up.values),
    activate: (activation, x) => activateRows(activation, x.values),
    headMemory: scalarHeadMemory,
  };
}

function multiplyFloats(
  { columns }: MatrixForm,
  panel: Float32Array,
  activations: ActivationRows,
  rows: RowChoice,
  out: Float32Array,
  stride: number,
): void {
  const x = new Float32Array(countOf(rows) * columns);
  takeRows(activations.floats, columns, rows, x);
  const xRows = countOf(rows);
  const panelRows = panel.length / columns;
  multiply({ x, xStride: columns, xRows, columns, panel, panelRows, panelColumns: columns, out, outStride: stride });
}

function multiplyIntegers(
  { form, rows: weightRows }: Tile,
  bytes: Uint8Array,
  activations: ActivationRows,
  rows: RowChoice,
  out: Float32Array,
  stride: number,
): void {
  const { layout, codebook, columns, arithmetic } = form;
  if (arithmetic === "float") throw new RangeError("integer products of a float tile");
  const size = expandedRowBytes(columns, arithmetic === "q8_K");
  const taken = new Uint8Array(countOf(rows) * size);
  takeRows(activations.quantized[arithmetic]!, size, rows, taken);
  const matrix = { layout, bytes, rows: weightRows, rowLength: columns, ...(codebook && { codebook }) };
  for (let row = 0; row < countOf(rows); row++) {
    const blocks = taken.subarray(row * size, row * size + activationRowBytes(arithmetic, columns));
    const sums = new Float32Array(weightRows);
    gemm(matrix, readActivations(arithmetic, blocks, columns), sums);
    out.set(sums, row * stride);
  }
}

/** Scores of one query as `rule` wants them, then probabilities; `count` of them are held, `position` is the query's. */
function probabilities(scores: Float32Array, position: number, count: number, rule: ScoreRule, sink?: number): void {
  const { scale, softcap, window, isCausal = true } = rule;
  const end = isCausal ? position + 1 : count;
  const start = window === undefined ? 0 : Math.max(0, position + 1 - window);
  for (let j = start; j < end; j++) {
    const score = fround(scores[j]! * fround(scale));
    scores[j] = softcap === undefined ? score : fround(tanhF32(fround(score / fround(softcap))) * fround(softcap));
  }
  scores.fill(0, 0, start);
  softmax(scores.subarray(start), end - start, sink);
}

function scalarHeadMemory(positions: number, keyLength: number, valueLength: number): HeadMemory {
  const keys = new Float32Array(panelLength(positions, keyLength));
  const values = new Float32Array(panelLength(valueLength, positions));
  let length = 0;
  return {
    get length() {
      return length;
    },
    clear() {
      length = 0;
    },
    append(newKeys, keysAt, keysStride, newValues, valuesAt, valuesStride, count) {
      for (let n = 0; n < count; n++, length++) {
        const group = length - (length % PANEL_ROWS);
        for (let i = 0; i < keyLength; i++)
          keys[group * keyLength + i * PANEL_ROWS + (length % PANEL_ROWS)] = newKeys[keysAt + n * keysStride + i]!;
        for (let i = 0; i < valueLength; i++) {
          const at = (i - (i % PANEL_ROWS)) * positions + length * PANEL_ROWS + (i % PANEL_ROWS);
          values[at] = newValues[valuesAt + n * valuesStride + i]!;
        }
      }
    },
    attend(queries, queriesAt, queriesStride, count, first, rule, sink, out, outAt, outStride) {
      const panelRows = Math.ceil(length / PANEL_ROWS) * PANEL_ROWS;
      const valueRows = Math.ceil(valueLength / PANEL_ROWS) * PANEL_ROWS;
      const scores = new Float32Array(panelRows);
      const sums = new Float32Array(valueRows);
      for (let n = 0; n < count; n++) {
        const x = queries.subarray(queriesAt + n * queriesStride, queriesAt + n * queriesStride + keyLength);
        multiply({
          x,
          xStride: keyLength,
          xRows: 1,
          columns: keyLength,
          panel: keys,
          panelRows,
          panelColumns: keyLength,
          out: scores,
          outStride: panelRows,
        });
        probabilities(scores, first + n, length, rule, sink);
        multiply({
          x: scores,
          xStride: panelRows,
          xRows: 1,
          columns: length,
          panel: values,
          panelRows: valueRows,
          panelColumns: positions,
          out: sums,
          outStride: valueRows,
        });
        out.set(sums.subarray(0, valueLength), outAt + n * outStride);
      }
    },
  };
}
