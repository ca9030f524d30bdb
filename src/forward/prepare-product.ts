/**
 * Products with one matrix, in any format and layout, for programs of their own: what a forward pass does with tiles of
 * shared activations, as one function from f32 to f32.
 */
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { preparedBytes } from "../../codecs/codebooks/prepared-codebook.ts";
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import { rowBytes } from "../../codecs/codec.ts";
import type { PackedMatrix } from "../../layouts/packed-matrix.ts";
import { ALIGNMENT } from "../allocator.ts";
import { QuantizeError } from "../errors.ts";
import type { ActivationKind } from "../kernels/integer-view.ts";
import { compileWasm, hasWasmSimd } from "../wasm/wasm-module.ts";
import { ROW_BLOCK, type ActivationRows, type MatrixForm, type Numerics, type Tile } from "./numerics/numerics.ts";
import { scalarNumerics } from "./numerics/scalar-numerics.ts";
import { keptTileBytes, LARGEST_MEMORY, numericsBytes, wasmNumerics } from "./numerics/wasm-numerics.ts";
import { activationKind, tileRows, type Arithmetic } from "./projections.ts";

export interface ProductOptions {
  /** Default: `wasm`, or `scalar` where the machine has no WebAssembly SIMD. Both give the same bits. */
  readonly backend?: "wasm" | "scalar";
  /**
   * `kernels` (default): activations become 8-bit blocks and products are sums of integers, as on the processors that
   * the formats are made for; formats without such a kernel (floats, lattices) are multiplied as f32. `float`: all are.
   */
  readonly arithmetic?: Arithmetic;
}

/** A matrix that is ready to be multiplied with. */
export interface Product {
  readonly rows: number;
  readonly rowLength: number;
  /** What activations become before they are multiplied. */
  readonly activations: ActivationKind | "f32";
  /**
   * Every row of the matrix with every row of activations: one is a matrix-vector product (GEMV), several are a
   * matrix-matrix product (GEMM) with the same bits.
   * @param x rows of `rowLength` f32, finite
   * @returns `rows` sums for each row of activations, one behind the other
   * @throws RangeError when `x` is not whole rows
   */
  readonly multiply: (x: Float32Array) => Float32Array;
}

interface PlacedTile {
  readonly start: number;
  readonly tile: Tile;
}

/**
 * Makes a matrix ready: checks it, and puts a copy where it is multiplied.
 * @throws RangeError when its sizes do not fit or a codebook is missing
 * @throws QuantizeError `no-room` when it is larger than the memory of a WebAssembly instance (4 GiB)
 */
export async function prepareProduct(matrix: PackedMatrix, options: ProductOptions = {}): Promise<Product> {
  const { backend = hasWasmSimd() ? "wasm" : "scalar", arithmetic = "kernels" } = options;
  const { rows, rowLength } = matrix;
  const form = formOf(matrix, arithmetic);
  const starts = Array.from({ length: Math.ceil(rows / tileRows(rowLength)) }, (_, i) => i * tileRows(rowLength));
  const endOf = (start: number): number => Math.min(rows, start + tileRows(rowLength));
  const kept = starts.reduce((sum, start) => sum + keptTileBytes(form, endOf(start) - start) + ALIGNMENT, ALIGNMENT);
  const numerics = backend === "scalar" ? scalarNumerics() : await numericsFor(form, kept);
  const size = rowBytes(form.format, rowLength);
  const tiles = starts.map((start): PlacedTile => {
    const end = endOf(start);
    const read = (out: Uint8Array): void => out.set(matrix.bytes.subarray(start * size, end * size));
    return { start, tile: numerics.loadTile(form, end - start, "kept", read) };
  });
  return {
    rows,
    rowLength,
    activations: form.arithmetic === "float" ? "f32" : form.arithmetic,
    multiply(x) {
      const count = x.length / rowLength;
      if (!Number.isInteger(count)) throw new RangeError(`${x.length} activations, expected rows of ${rowLength}`);
      const input = activationRows(numerics, form, x, count);
      const out = new Float32Array(count * rows);
      for (let first = 0; first < count; first += ROW_BLOCK) {
        const block = { first, count: Math.min(ROW_BLOCK, count - first) };
        for (const { start, tile } of tiles) {
          const { values, stride } = numerics.multiply(tile, input, block, 0);
          for (let n = 0; n < block.count; n++)
            out.set(values.subarray(n * stride, n * stride + tile.rows), (first + n) * rows + start);
        }
      }
      return out;
    },
  };
}

function formOf({ layout, bytes, rows, rowLength, codebook }: PackedMatrix, arithmetic: Arithmetic): MatrixForm {
  const format = findFormat(layout.format.name)!;
  const name = `${format.name} ${layout.name}`;
  if (rows % layout.rowsPerGroup !== 0 || rowLength % format.blockSize !== 0) {
    const expected = `multiples of ${layout.rowsPerGroup} and ${format.blockSize}`;
    throw new RangeError(`${name}: ${rows} rows of ${rowLength} weights, expected ${expected}`);
  }
  const expected = rows * rowBytes(format, rowLength);
  if (bytes.length !== expected) throw new RangeError(`${name}: ${bytes.length} bytes, expected ${expected}`);
  if (isCodebookFormat(format)) {
    if (codebook === undefined) throw new RangeError(`${name}: tables expected, found none`);
    format.bind(codebook);
  }
  return {
    format,
    layout,
    columns: rowLength,
    arithmetic: activationKind(format.name, rowLength, arithmetic) ?? "float",
    ...(codebook && { codebook }),
  };
}

/** Numerics on an instance of the module that is as large as this matrix needs. */
async function numericsFor(form: MatrixForm, keptBytes: number): Promise<Numerics> {
  const { format, columns } = form;
  const tile = tileRows(columns);
  const limits = {
    tileWeights: tile * columns,
    tileBytes: tile * rowBytes(format, columns),
    tableBytes: isCodebookFormat(format) ? preparedBytes(format, MAX_TABLES) : 0,
    tileRows: tile,
    columns,
    positions: 0,
    vocabulary: 0,
    headLength: 0,
    keptBytes,
  };
  const needed = numericsBytes(limits);
  if (needed > LARGEST_MEMORY) {
    const found = `${Math.ceil(needed / 2 ** 20)} MiB`;
    throw new QuantizeError("no-room", `${format.name}: a product needs ${found} of memory, at most 4095 can be had`);
  }
  return wasmNumerics(await compileWasm(), limits);
}

/** The activations in the form that the matrix is multiplied with. */
function activationRows(numerics: Numerics, form: MatrixForm, x: Float32Array, count: number): ActivationRows {
  const { columns, arithmetic } = form;
  if (arithmetic === "float") return { columns, floats: x, quantized: {} };
  const size = numerics.quantizedRowBytes(arithmetic, columns);
  const bytes = new Uint8Array(count * size);
  for (let row = 0; row < count; row++) {
    const floats = x.subarray(row * columns, (row + 1) * columns);
    numerics.quantizeRow(arithmetic, floats, bytes.subarray(row * size, (row + 1) * size));
  }
  return { columns, floats: x, quantized: { [arithmetic]: bytes } };
}
