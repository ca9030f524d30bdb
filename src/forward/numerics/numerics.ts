/**
 * The arithmetic of a forward pass, in two implementations that give the same bits: the definitions in TypeScript, and
 * their WebAssembly twins. Each thread has its own, with memory of its own; activations come from and go to memory that
 * all threads share.
 */
import type { Codebook, Codec, CodebookFormat } from "../../../codecs/codec.ts";
import type { Layout } from "../../../layouts/layout.ts";
import type { ActivationKind } from "../../kernels/integer-view.ts";
import type { Activation } from "./row-functions.ts";

/** Activation rows that are multiplied at a time. */
export const ROW_BLOCK = 64;

/** Query rows whose scores are held at a time. */
export const QUERY_BLOCK = 32;

/** How a matrix is stored, and how it is multiplied. */
export interface MatrixForm {
  readonly format: Codec | CodebookFormat;
  readonly layout: Layout;
  /** The tables of a codebook format. */
  readonly codebook?: Codebook;
  readonly columns: number;
  /** 8-bit activations of that kind and integer products, or f32 weights and activations. */
  readonly arithmetic: ActivationKind | "float";
}

/** Some rows of a matrix, ready to be multiplied. */
export interface Tile {
  readonly form: MatrixForm;
  readonly rows: number;
}

/** Rows of activations on shared memory, in as many forms as the matrices want. */
export interface ActivationRows {
  readonly columns: number;
  readonly floats: Float32Array;
  /** Rows of `quantizedRowBytes`. */
  readonly quantized: Partial<Readonly<Record<ActivationKind, Uint8Array>>>;
}

/** Which rows: a range, or a list. */
export type RowChoice = { readonly first: number; readonly count: number } | Uint32Array;

/** Results in a thread's own memory, valid until the next call with the same `place`. */
export interface Products {
  readonly values: Float32Array;
  /** Floats from one activation row's sums to the next one's. */
  readonly stride: number;
}

/** What the scores of an attention head go through on their way to probabilities. */
export interface ScoreRule {
  readonly scale: number;
  /** Scores become cap * tanh(score / cap). */
  readonly softcap?: number;
  /** Positions that a query sees at most, its own included. */
  readonly window?: number;
  /** False: queries see what comes after them too. Default true. */
  readonly isCausal?: boolean;
}

/** Keys and values of one key/value head, position after position. */
export interface HeadMemory {
  /** Positions held. */
  readonly length: number;
  clear(): void;
  /**
   * Adds positions.
   * @param keys, values rows whose first is at `keysAt` and `valuesAt`, `stride` floats apart
   */
  append(
    keys: Float32Array,
    keysAt: number,
    keysStride: number,
    values: Float32Array,
    valuesAt: number,
    valuesStride: number,
    count: number,
  ): void;
  /**
   * Attention of query rows to the positions held: softmax(q k) v.
   * @param first position of the first query; at most `length` - `count`
   * @param sink a learned score that takes probability and goes nowhere
   */
  attend(
    queries: Float32Array,
    queriesAt: number,
    queriesStride: number,
    count: number,
    first: number,
    rule: ScoreRule,
    sink: number | undefined,
    out: Float32Array,
    outAt: number,
    outStride: number,
  ): void;
}

/** What memory a thread's numerics need. */
export interface NumericsLimits {
  /** Most weights, and most stored bytes, of a tile that is not kept. */
  readonly tileWeights: number;
  readonly tileBytes: number;
  /** Most bytes of prepared tables of a codebook format: `preparedBytes`; 0 without. */
  readonly tableBytes: number;
  /** Most rows of a tile. */
  readonly tileRows: number;
  /** Most columns of a matrix. */
  readonly columns: number;
  /** Most positions that a query sees. */
  readonly positions: number;
  /** Tokens of the vocabulary, 0 when no row of logits is looked at. */
  readonly vocabulary: number;
  /** Most elements of a head. */
  readonly headLength: number;
  /** Bytes for kept tiles and head memories: `keptTileBytes`, `headMemoryBytes`. */
  readonly keptBytes: number;
}

export interface Numerics {
  readonly name: "wasm" | "scalar";
  /** Bytes of a row of 8-bit activations. */
  quantizedRowBytes(kind: ActivationKind, columns: number): number;
  /** One row of activations to 8 bits. */
  quantizeRow(kind: ActivationKind, row: Float32Array, out: Uint8Array): void;
  /**
   * Makes rows of a matrix ready.
   * @param place where: two tiles may be under way at a time, others are kept until the end
   * @param read fills the given bytes with the stored rows
   */
  loadTile(form: MatrixForm, rows: number, place: 0 | 1 | "kept", read: (bytes: Uint8Array) => void): Tile;
  /** True when a tile of so many rows can be kept. */
  hasRoomFor(form: MatrixForm, rows: number): boolean;
  /** Multiplies at most `ROW_BLOCK` activation rows with a tile. */
  multiply(tile: Tile, activations: ActivationRows, rows: RowChoice, place: 0 | 1): Products;
  /** The rows of a tile as f32, for looking up embeddings: `rows * columns` floats, valid until the next call. */
  decodeRows(form: MatrixForm, rows: number, read: (bytes: Uint8Array) => void): Float32Array;
  /** `sumExponentials` and `divergence` of a row of logits, see logits.ts. */
  sumExponentials(logits: Float32Array, largest: number): number;
  divergence(coded: Uint16Array, logits: Float32Array, norm: number): number;
  /** gate = activation(gate) * up for the products in place 0 and 1, `rows` activation rows each. */
  gate(activation: Activation, gate: Products, up: Products, rows: number): void;
  /** x = activation(x) for products of `rows` activation rows. */
  activate(activation: Activation, x: Products, rows: number): void;
  /** Memory for one key/value head of up to `positions`. */
  headMemory(positions: number, keyLength: number, valueLength: number): HeadMemory;
}
