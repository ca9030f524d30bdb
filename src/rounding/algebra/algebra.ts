/**
 * The loops of a calibration over numbers in a thread's own memory, in two implementations with the same bits: the
 * definitions, and their WebAssembly twins. All arrays handed to them come from `floats` or `bytes`.
 */
import type { Codec } from "../../../codecs/codec.ts";
import { multiply, packPanel, type Product } from "../../forward/numerics/multiply.ts";
import { instantiateWasm } from "../../wasm/wasm-exports.ts";
import { allocator } from "../../allocator.ts";
import { packColumns, transpose } from "./arrange.ts";
import { roundBlock, type RoundTask } from "./round-block.ts";
import { roundCodebook, type RoundCodebookTask } from "./round-codebook.ts";

/** A codec on arrays of an algebra. */
export interface BoundCodec {
  /** Rows of f32 to blocks; importance: one f32 for each column. */
  encode(src: Float32Array, dst: Uint8Array, rowLength: number, importance: Float32Array): void;
  decode(src: Uint8Array, dst: Float32Array): void;
}

export interface Algebra {
  readonly name: "wasm" | "scalar";
  /** Arrays that live as long as the algebra. */
  floats(count: number): Float32Array;
  bytes(count: number): Uint8Array;
  multiply(product: Product): void;
  packPanel: typeof packPanel;
  packColumns: typeof packColumns;
  transpose: typeof transpose;
  roundBlock(task: RoundTask): void;
  roundCodebook(task: RoundCodebookTask): void;
  /**
   * Decodes blocks of a codebook format.
   * @param prepared its codebook, in memory of the algebra
   */
  decoder(codec: Codec, prepared: Uint8Array): (src: Uint8Array, dst: Float32Array) => void;
  /** @param codec of a self-contained format that can be written */
  bindCodec(codec: Codec): BoundCodec;
}

export function scalarAlgebra(): Algebra {
  return {
    name: "scalar",
    floats: (count) => new Float32Array(count),
    bytes: (count) => new Uint8Array(count),
    multiply,
    packPanel,
    packColumns,
    transpose,
    roundBlock,
    roundCodebook,
    decoder: (codec) => codec.decode,
    bindCodec: (codec) => ({
      encode: (src, dst, rowLength, importance) => codec.encode!(src, dst, { rowLength, importance }),
      decode: codec.decode,
    }),
  };
}

/**
 * @param module of `dist/quantize.wasm`
 * @param byteLength of all arrays that will be asked for, each rounded up to 64 bytes and 64 more
 */
export function wasmAlgebra(module: WebAssembly.Module, byteLength: number): Algebra {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const wasm = instantiateWasm(module, memory);
  const base = Math.ceil(wasm.heap_base() / 64) * 64;
  const pages = Math.ceil((base + byteLength) / 65536);
  memory.grow(Math.max(0, pages - memory.buffer.byteLength / 65536));
  const { take, end } = allocator(base);
  const room = (bytes: number): number => {
    const at = take(bytes);
    if (end() > memory.buffer.byteLength)
      throw new RangeError(`no room for ${bytes} bytes: ${byteLength} were planned`);
    return at;
  };
  return {
    name: "wasm",
    floats: (count) => new Float32Array(memory.buffer, room(count * 4), count),
    bytes: (count) => new Uint8Array(memory.buffer, room(count), count),
    multiply({ x, xStride, xRows, columns, panel, panelRows, panelColumns, out, outStride }) {
      const [from, to] = [x.byteOffset, out.byteOffset];
      wasm.multiply_f32(from, xStride, xRows, columns, panel.byteOffset, panelRows, panelColumns, to, outStride);
    },
    packPanel(src, stride, rows, columns, panel) {
      wasm.pack_panel(src.byteOffset, stride, rows, columns, panel.byteOffset);
    },
    packColumns(src, stride, rows, columns, panel, panelColumns) {
      wasm.pack_columns(src.byteOffset, stride, rows, columns, panel.byteOffset, panelColumns);
    },
    transpose(src, stride, rows, columns, out, outStride) {
      wasm.transpose_f32(src.byteOffset, stride, rows, columns, out.byteOffset, outStride);
    },
    roundCodebook({ preparedCodebook, rows, columns, stride, gradients, base: from, matrix, matrixStride, ...rest }) {
      const { diagonal, candidates, choices, values, codes, scratch } = rest;
      const [prepared, g, b, m] = [
        preparedCodebook.byteOffset,
        gradients.byteOffset,
        from.byteOffset,
        matrix.byteOffset,
      ];
      const [d, chosen, value, code] = [diagonal.byteOffset, choices.byteOffset, values.byteOffset, codes.byteOffset];
      const { byteOffset } = scratch;
      wasm.round_codebook(
        prepared,
        rows,
        columns,
        stride,
        g,
        b,
        m,
        matrixStride,
        d,
        candidates,
        chosen,
        value,
        code,
        byteOffset,
      );
    },
    decoder(codec, prepared) {
      const decode = wasm.decoder(codec.name)!;
      return (src, dst) => decode(src.byteOffset, dst.byteOffset, dst.length / codec.blockSize, prepared.byteOffset);
    },
    bindCodec(codec) {
      const encode = wasm.encoder(codec.name);
      const decode = wasm.decoder(codec.name);
      if (encode === undefined || decode === undefined) return scalarAlgebra().bindCodec(codec);
      return {
        encode(src, dst, rowLength, importance) {
          encode(src.byteOffset, dst.byteOffset, src.length / rowLength, rowLength, importance.byteOffset);
        },
        decode: (src, dst) => void decode(src.byteOffset, dst.byteOffset, dst.length / codec.blockSize),
      };
    },
    roundBlock({
      rows,
      columns,
      gradients,
      base: from,
      matrix,
      matrixStride,
      diagonal,
      scales,
      offsets,
      grid,
      values,
      codes,
    }) {
      const addresses = [gradients, from, matrix].map((array) => array.byteOffset) as [number, number, number];
      const given = [scales, offsets, values, codes].map((array) => array.byteOffset) as [
        number,
        number,
        number,
        number,
      ];
      const [scale, offset, value, code] = given;
      const table = grid.kind === "table" ? grid.table.byteOffset : 0;
      const [low, high] = grid.kind === "table" ? [0, grid.table.length - 1] : [grid.least, grid.greatest];
      wasm.round_block(
        rows,
        columns,
        ...addresses,
        matrixStride,
        diagonal.byteOffset,
        scale,
        offset,
        low,
        high,
        table,
        value,
        code,
      );
    },
  };
}
