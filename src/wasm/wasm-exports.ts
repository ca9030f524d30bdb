/**
 * The exports of the WebAssembly module (dist/quantize.wasm), typed once: every file `*.simd.ts` adds its exported
 * functions to the one module, and all who call them do so through an instance that was made here.
 *
 * Addresses are bytes in the module's memory; what they mean is said where a function is defined. Arrays lie on
 * multiples of 16 bytes, with 64 readable bytes behind them.
 */

/** A byte address in the module's memory; 0 where something is absent. */
export type Address = number;

/** Rows of f32 at `src` to row-major blocks at `dst`. Only codebook formats look at the last argument. */
export type EncodeExport = (
  src: Address,
  dst: Address,
  rows: number,
  rowLength: number,
  importance: Address,
  preparedCodebook?: Address,
) => void;

/** Row-major blocks at `src` to f32 at `dst`. Only codebook formats look at the last argument. */
export type DecodeExport = (src: Address, dst: Address, blocks: number, preparedCodebook?: Address) => void;

/** The exports that have a name of their own. */
export interface WasmFunctions {
  /** The first address that the module itself does not use (src/verify/error-sums.simd.ts). */
  heap_base(): Address;

  /** Row-major blocks to interleaved ones; `layout` is a copy of its `layoutTable` (layouts/pack.simd.ts). */
  pack_rows(src: Address, dst: Address, groups: number, blocksPerRow: number, layout: Address): void;
  /** The inverse. */
  unpack_rows(src: Address, dst: Address, groups: number, blocksPerRow: number, layout: Address): void;

  /** Fills the error rows of a prepared codebook (src/fit/fit.simd.ts). */
  codebook_errors(preparedCodebook: Address, centres: Address, unit: number): void;
  /** The choices of a sample's groups. */
  codebook_assign(
    src: Address,
    groups: number,
    importance: Address,
    preparedCodebook: Address,
    scales: Address,
    errors: Address,
    tables: Address,
    codes: Address,
  ): void;
  /** Better entries for these choices. */
  codebook_improve(
    src: Address,
    groups: number,
    importance: Address,
    preparedCodebook: Address,
    scales: Address,
    tables: Address,
    codes: Address,
    order: Address,
    sums: Address,
    entries: Address,
  ): void;

  /** Rows of f32 to 8-bit activations, q8_K where `isSuper` is 1, else q8_0 (src/kernels/quantize-activations.simd.ts). */
  quantize_activations(src: Address, dst: Address, rows: number, rowLength: number, isSuper: 0 | 1): void;
  /** Products of packed rows with activation rows (src/kernels/gemm.simd.ts). */
  kernel_gemm(
    kernel: number,
    packed: Address,
    rows: number,
    rowLength: number,
    layout: Address,
    activations: Address,
    activationRows: number,
    out: Address,
    outStride: number,
    preparedCodebook: Address,
    scratch: Address,
  ): void;

  /** Adds `ERROR_SUM_COUNT` sums of two arrays of f32 rows to f64s (src/verify/error-sums.simd.ts). */
  error_sums(a: Address, b: Address, rows: number, rowLength: number, sums: Address): void;
  /** 1 when all `count` f32 are finite. */
  all_finite(src: Address, count: number): number;
  /** Adds errors and squares of `rows` products to three f64s (src/verify/kernel-check.simd.ts). */
  product_errors(
    activations: Address,
    weights: Address,
    products: Address,
    rows: number,
    rowLength: number,
    sums: Address,
  ): void;
  /** Adds bytes to the hash at `state` (src/verify/xxh64.simd.ts). */
  xxh64_add(state: Address, src: Address, bytes: number): void;

  /** Rows of f32 to a panel (src/forward/numerics/multiply.simd.ts); `stride` in floats. */
  pack_panel(src: Address, stride: number, rows: number, columns: number, panel: Address): void;
  /** Sums of products of activation rows with the rows of a panel. */
  multiply_f32(
    x: Address,
    xStride: number,
    xRows: number,
    columns: number,
    panel: Address,
    panelRows: number,
    panelColumns: number,
    out: Address,
    outStride: number,
  ): void;

  /** e^x of `count` f32, a multiple of four (src/forward/numerics/exp-f32.simd.ts). */
  exp_f32(src: Address, dst: Address, count: number): void;
  /** gate = activation(gate) * up, and x = activation(x); by position in `ACTIVATIONS` (src/forward/numerics/row-functions.simd.ts). */
  gate_rows(activation: number, gate: Address, up: Address, count: number): void;
  activate_rows(activation: number, x: Address, count: number): void;
  /** Softmax over the first `count` of `length` scores. */
  softmax_row(scores: Address, count: number, length: number, sink: number, hasSink: 0 | 1): void;
  /** Scores `[start, end)` of a query, scaled and capped, to probabilities; the others to 0. `cap` 0: none. */
  score_row(
    scores: Address,
    start: number,
    end: number,
    length: number,
    scale: number,
    cap: number,
    sink: number,
    hasSink: 0 | 1,
  ): void;
  /** Adds a position to the keys of a head. */
  append_key(keys: Address, keyLength: number, position: number, src: Address): void;
  /** Adds a position to the values of a head. */
  append_value(values: Address, valueLength: number, positions: number, position: number, src: Address): void;

  /** Sum of e^(logit - largest) (src/forward/numerics/logits.simd.ts). */
  sum_exponentials(logits: Address, count: number, largest: number): number;
  /** Divergence of a row of logits from a coded one. */
  row_divergence(codes: Address, logits: Address, count: number, scale: number, least: number, norm: number): number;

  /** Columns into a panel (src/rounding/algebra/arrange.simd.ts). */
  pack_columns(src: Address, stride: number, rows: number, columns: number, panel: Address, panelColumns: number): void;
  transpose_f32(src: Address, stride: number, rows: number, columns: number, out: Address, outStride: number): void;
  /** Rounds a block of columns with feedback; `table` 0: whole numbers (src/rounding/algebra/round-block.simd.ts). */
  round_block(
    rows: number,
    columns: number,
    gradients: Address,
    base: Address,
    matrix: Address,
    matrixStride: number,
    diagonal: Address,
    scales: Address,
    offsets: Address,
    least: number,
    greatest: number,
    table: Address,
    values: Address,
    codes: Address,
  ): void;
  /** The same to a codebook's codes, levels and tables (src/rounding/algebra/round-codebook.simd.ts). */
  round_codebook(
    preparedCodebook: Address,
    rows: number,
    columns: number,
    stride: number,
    gradients: Address,
    base: Address,
    matrix: Address,
    matrixStride: number,
    diagonal: Address,
    candidates: number,
    choices: Address,
    values: Address,
    codes: Address,
    scratch: Address,
  ): void;
}

/** How many parameters each has: the compiler holds this against the interface, `instantiateWasm` against the module. */
const PARAMETERS: { readonly [Name in keyof WasmFunctions]: Parameters<WasmFunctions[Name]>["length"] } = {
  heap_base: 0,
  pack_rows: 5,
  unpack_rows: 5,
  codebook_errors: 3,
  codebook_assign: 8,
  codebook_improve: 10,
  quantize_activations: 5,
  kernel_gemm: 11,
  error_sums: 5,
  all_finite: 2,
  product_errors: 6,
  xxh64_add: 3,
  pack_panel: 5,
  multiply_f32: 9,
  exp_f32: 3,
  gate_rows: 4,
  activate_rows: 3,
  softmax_row: 5,
  score_row: 8,
  append_key: 4,
  append_value: 5,
  sum_exponentials: 3,
  row_divergence: 6,
  pack_columns: 6,
  transpose_f32: 6,
  round_block: 14,
  round_codebook: 14,
};

/** The module in a memory: its functions, and the encoders and decoders by the name of their block format. */
export interface WasmInstance extends WasmFunctions {
  readonly memory: WebAssembly.Memory;
  /** The SIMD twin of a format's encoder; undefined where there is none. */
  encoder(format: string): EncodeExport | undefined;
  decoder(format: string): DecodeExport | undefined;
}

/** What is wrong with one export, or undefined. */
function exportProblem(name: string, value: unknown): string | undefined {
  if (name === "memory") return undefined;
  if (typeof value !== "function") return `${name} is no function`;
  // The last one of codebook formats is their codebook.
  const [least, most] = name.startsWith("encode_")
    ? [5, 6]
    : name.startsWith("decode_")
      ? [3, 4]
      : [PARAMETERS[name as keyof WasmFunctions], PARAMETERS[name as keyof WasmFunctions]];
  if (least === undefined || most === undefined) return `${name} is unknown`;
  if (value.length >= least && value.length <= most) return undefined;
  return `${name} takes ${value.length} parameters, expected ${least}`;
}

/**
 * Instantiates the module.
 * @param memory its memory: buffers may begin at `heap_base`
 * @throws Error when the module's exports are not those above: it was built from other sources
 */
export function instantiateWasm(module: WebAssembly.Module, memory: WebAssembly.Memory): WasmInstance {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const problems = [...new Set([...Object.keys(PARAMETERS), ...Object.keys(exports)])]
    .map((name) => exportProblem(name, exports[name]))
    .filter((problem) => problem !== undefined);
  if (problems.length > 0) {
    throw new Error(`quantize.wasm was built from other sources (npm run build): ${problems.join("; ")}`);
  }
  return {
    ...(exports as unknown as WasmFunctions),
    memory,
    encoder: (format) => exports[`encode_${format}`] as EncodeExport | undefined,
    decoder: (format) => exports[`decode_${format}`] as DecodeExport | undefined,
  };
}
