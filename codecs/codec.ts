/**
 * What a codec is: a block format, and the numbers in it.
 *
 * A row of weights is cut into blocks of `blockSize` neighbours; each block becomes `blockBytes` bytes, made of
 * `fields` one after the other. Nothing here knows of files, threads or memory order between rows: that is the
 * business of layouts (which interleave the fields of several rows) and of the pipeline.
 */

/** What the bytes of a field are to a kernel. */
export type FieldRole =
  /** Codes of the weights, dealt in chunks by interleaved layouts. */
  | "codes"
  /** Anything said once per group or block: scales, minima, table numbers. Gathered whole by interleaved layouts. */
  | "scale";

/** One field of a block, in the order in which the row-major block stores it. */
export interface Field {
  /** ggml's name where there is one: `d`, `dmin`, `scales`, `qs`, `qh`. */
  readonly name: string;
  /** Size in bytes within one block. */
  readonly bytes: number;
  readonly role: FieldRole;
  /** One sentence for people: the meaning, type and order of the bytes. */
  readonly meaning: string;
  /** The field is one number of that type. */
  readonly number?: "f16";
}

/** A run of bits in one field of a block that belong to one weight; bit 0 is the lowest bit of the field's first byte. */
export interface ElementPart {
  readonly field: string;
  /** What the bits say of the weight: `code`, `high bit`, `scale`, `minimum`, `table`, ... */
  readonly label: string;
  readonly bit: number;
  readonly bits: number;
}

/** A block format: the shape of a block without its arithmetic, and every fact that others need to know about it. */
export interface BlockFormat {
  /** ggml's spelling for stock types (`q4_0`, `q4_K`, `iq4_nl`), ours for codebooks (`q4_cb`). */
  readonly name: string;
  /**
   * `float`: one number per weight. `integer`: the same, copied and never quantized. `uniform`: self-contained blocks.
   * `codebook`: blocks that need learned tables.
   */
  readonly kind: "float" | "integer" | "uniform" | "codebook";
  /** What it is, in a few words: for the list of schemes. */
  readonly about: string;
  /** The `ggml_type` number in a GGUF file; absent for formats that GGUF has no number for (f8, ours). */
  readonly ggmlType?: number;
  /** llama.cpp's number for files of this type (`llama_ftype`); absent where it has none, or a mix (`mixes.ts`) has it. */
  readonly fileType?: number;
  /** Weights per block, along the row. */
  readonly blockSize: number;
  /** Bytes per block: the sum of the fields. */
  readonly blockBytes: number;
  readonly fields: readonly Field[];
  /**
   * Where weight `column` of a block (0 to `blockSize - 1`) lies: its code, then the scales, minima and table numbers
   * that apply to it; a number that is stored in two runs has two parts, low bits first. Absent for formats whose
   * weights have no bits of their own (lattice codes): all fields belong to each of them.
   */
  readonly parts?: (column: number) => readonly ElementPart[];
  /**
   * What each stored code of a weight stands for, where codes are chosen one by one: with the scale s and the offset o
   * of its group the weight is s * levels[code] + o.
   */
  readonly levels?: readonly number[];
  /** Name of the format for rows that do not divide into blocks of this one; absent: f16, which fits every row. */
  readonly fallback?: string;
  /**
   * Of formats that only this program knows: name of the stock format which an export gives to their tensors, of those
   * of about the same size the one with the least error.
   */
  readonly stockType?: string;
  /** True for formats that hold activations during a product: read where a file has them, never written. */
  readonly isForActivations?: true;
}

/** What an encoder is told beside the weights. */
export interface EncodeOptions {
  /** Weights per row; a multiple of `blockSize`. ggml's importance-weighted searches look at whole rows. */
  readonly rowLength: number;
  /** Importance (imatrix) of each column, `rowLength` values, finite and not negative. Absent: unweighted. */
  readonly importance?: Float32Array;
}

/** A block format with its arithmetic: the scalar definition, which SIMD twins must match bit for bit. */
export interface Codec extends BlockFormat {
  /**
   * Encodes whole rows.
   * @param src rows of f32, row after row; length a multiple of `options.rowLength`
   * @param dst receives `src.length / blockSize * blockBytes` bytes, row-major
   * Absent for formats that are only read.
   */
  readonly encode?: (src: Float32Array, dst: Uint8Array, options: EncodeOptions) => void;
  /**
   * Decodes whole blocks, exactly as ggml's `dequantize_row_*` does in f32.
   * @param src whole row-major blocks
   * @param dst receives `src.length / blockBytes * blockSize` weights
   */
  readonly decode: (src: Uint8Array, dst: Float32Array) => void;
}

/** The learned part of a codebook tensor (or of one expert's slice of it). */
export interface Codebook {
  /** `tableCount * tableLength` entries, table after table. */
  readonly tables: Int8Array;
  /** Scale levels, 1 to 256, finite; a level may be negative (a mirrored table) or zero. */
  readonly levels: Float32Array;
}

/**
 * How hard a codebook's encoder and fit search. `best` has the least error; `fast` has 3 to 8% more, with tables of 64
 * points (q3_cb2) up to 15% (docs/codebooks.md).
 */
export const EFFORTS = ["fast", "normal", "best"] as const;
export type Effort = (typeof EFFORTS)[number];

/** A block format whose codes are looked up in learned tables: it becomes a codec when it is given them. */
export interface CodebookFormat extends BlockFormat {
  readonly kind: "codebook";
  /** Int8 entries per table: 16 for q4_cb, 8 for q3_cb, 32 for q5_cb and for the 16 points of q2_cb. */
  readonly tableLength: number;
  /** Bits per code: 3, 4 or 5 for single weights, 4 or 6 for pairs. */
  readonly codeBits: number;
  /** Weights per code: 1, or 2 for tables of points (all first coordinates, then all second ones). */
  readonly dimension: 1 | 2;
  /**
   * Binds tables and levels.
   * @param effort how hard the encoder searches; `normal` when absent, decoding does not depend on it
   * @throws RangeError when the codebook's lengths do not fit the format
   */
  readonly bind: (codebook: Codebook, effort?: Effort) => Codec;
}

/** Bytes of a row of `rowLength` weights, which must be a multiple of the block size. */
export function rowBytes(format: BlockFormat, rowLength: number): number {
  return (rowLength / format.blockSize) * format.blockBytes;
}

/** Bits per weight of the blocks themselves, learned tables not included. */
export function bitsPerWeight(format: BlockFormat): number {
  return (format.blockBytes * 8) / format.blockSize;
}

/** True for blocks of codes, uniform or codebook: encoding loses something, and encoding again loses more. */
export function isQuantized({ kind }: BlockFormat): boolean {
  return kind === "uniform" || kind === "codebook";
}

/** True for quantized formats that only this program knows: GGUF has no number for them. */
export function isOwn(format: BlockFormat): boolean {
  return isQuantized(format) && format.ggmlType === undefined;
}

/** Completes a format: `blockBytes` is derived, so that it cannot disagree with the fields. */
export function withBlockBytes<T extends Omit<BlockFormat, "blockBytes">>(format: T): T & { blockBytes: number } {
  return Object.freeze({ ...format, blockBytes: format.fields.reduce((sum, field) => sum + field.bytes, 0) });
}
