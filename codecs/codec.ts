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
}

/** The shape of a block, without its arithmetic: all that sizes and layouts depend on. */
export interface BlockFormat {
  /** ggml's spelling for stock types (`q4_0`, `q4_K`, `iq4_nl`), ours for codebooks (`q4_cb`). */
  readonly name: string;
  /** `float`: one number per weight. `uniform`: self-contained blocks. `codebook`: blocks that need learned tables. */
  readonly kind: "float" | "uniform" | "codebook";
  /** The `ggml_type` number in a GGUF file; undefined for formats that GGUF has no number for (f8, ours). */
  readonly ggmlType?: number;
  /** Weights per block, along the row. */
  readonly blockSize: number;
  /** Bytes per block: the sum of the fields. */
  readonly blockBytes: number;
  readonly fields: readonly Field[];
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
  /** True when encoding without importance is refused (ggml: iq2_xxs, iq2_xs, iq1_s). */
  readonly needsImportance?: boolean;
}

/** The learned part of a codebook tensor (or of one expert's slice of it). */
export interface Codebook {
  /** `tableCount * tableLength` entries, table after table. */
  readonly tables: Int8Array;
  /** Scale levels, 1 to 256, finite; a level may be negative (a mirrored table) or zero. */
  readonly levels: Float32Array;
}

/** How hard a codebook's encoder and fit search: the error of `best` is the least, `fast` stays within 5% of it. */
export type Effort = "fast" | "normal" | "best";

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

/** Completes a format: `blockBytes` is derived, so that it cannot disagree with the fields. */
export function withBlockBytes<T extends Omit<BlockFormat, "blockBytes">>(format: T): T & { blockBytes: number } {
  return Object.freeze({ ...format, blockBytes: format.fields.reduce((sum, field) => sum + field.bytes, 0) });
}
