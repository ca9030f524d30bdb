/** The SIMD twins, on an instance of the module with memory of its own. */
import { rowBytes } from "../../../codecs/codec.ts";
import { prepareDecoding } from "../../../codecs/codebooks/prepare-codebook.ts";
import { preparedBytes } from "../../../codecs/codebooks/prepared-codebook.ts";
import { isCodebookFormat } from "../../../codecs/registry.ts";
import { layoutTable } from "../../../layouts/layout-table.ts";
import { instantiateWasm } from "../../wasm/wasm-exports.ts";
import { allocator } from "../../allocator.ts";
import { kernelNumber, kernelScratchBytes, expandedRowBytes } from "../../kernels/kernel-numbers.ts";
import { codedHead } from "./logits.ts";
import { panelLength, PANEL_ROWS } from "./multiply.ts";
import { QUERY_BLOCK, ROW_BLOCK } from "./numerics.ts";
import type { HeadMemory, MatrixForm, Numerics, NumericsLimits, Tile } from "./numerics.ts";
import { ACTIVATIONS } from "./row-functions.ts";
import { countOf, scalarNumerics, takeRows } from "./scalar-numerics.ts";

const PAGE_BYTES = 65536;
/** Bytes that an instance can have: 32-bit addresses, less some for the module's own data. */
export const LARGEST_MEMORY = 2 ** 32 - 2 ** 20;
const FLOAT_BYTES = 4;

/** Room for the layout's table, which is some tens of words and, for 6-bit scales, a permutation of bits. */
const LAYOUT_BYTES = 16384;

interface WasmTile extends Tile {
  /** Address of the f32 panel, or of the stored bytes. */
  readonly at: number;
  readonly layoutAt: number;
  readonly tablesAt: number;
}

const roundUp = (count: number, multiple: number): number => Math.ceil(count / multiple) * multiple;

/** Bytes of a tile in `keptBytes`. */
export function keptTileBytes(form: MatrixForm, rows: number): number {
  const { take, end } = allocator(0);
  placeTile(form, rows, take);
  return end();
}

/** Bytes of a head memory in `keptBytes`. */
export function headMemoryBytes(positions: number, keyLength: number, valueLength: number): number {
  const { take, end } = allocator(0);
  placeHead(positions, keyLength, valueLength, take);
  return end();
}

function tableBytes({ format, codebook }: MatrixForm): number {
  if (!isCodebookFormat(format) || codebook === undefined) return 0;
  return preparedBytes(format, codebook.tables.length / format.tableLength);
}

function placeTile(form: MatrixForm, rows: number, take: (bytes: number) => number) {
  const isFloat = form.arithmetic === "float";
  return {
    at: take(isFloat ? panelLength(rows, form.columns) * FLOAT_BYTES : rows * rowBytes(form.format, form.columns)),
    layoutAt: take(isFloat ? 0 : layoutTable(form.layout).length),
    tablesAt: take(isFloat ? 0 : tableBytes(form)),
  };
}

function placeHead(positions: number, keyLength: number, valueLength: number, take: (bytes: number) => number) {
  return {
    keys: take(panelLength(roundUp(positions, PANEL_ROWS), keyLength) * FLOAT_BYTES),
    values: take(panelLength(valueLength, positions) * FLOAT_BYTES),
  };
}

/** Lays out a thread's buffers from address `base` on. */
function placeBuffers(limits: NumericsLimits, base: number) {
  const { tileWeights, tileBytes, tileRows, columns, positions, headLength, vocabulary, tableBytes } = limits;
  const { take, end } = allocator(base);
  const scoreStride = roundUp(positions, 16) + 16;
  const outBytes = ROW_BLOCK * roundUp(tileRows, PANEL_ROWS) * FLOAT_BYTES;
  return {
    /** A tile as stored, in row order, and as f32. */
    stored: take(tileBytes),
    rowMajor: take(tileBytes),
    decoded: take(tileWeights * FLOAT_BYTES),
    layoutAt: take(LAYOUT_BYTES),
    tablesAt: take(tableBytes),
    /** Two tiles, ready to be multiplied. */
    tiles: [0, 1].map(() => ({
      at: take((tileWeights + PANEL_ROWS * columns) * FLOAT_BYTES),
      layoutAt: take(LAYOUT_BYTES),
      tablesAt: take(tableBytes),
    })),
    /** Activation rows, and sums. */
    x: take(ROW_BLOCK * Math.max(columns * FLOAT_BYTES, expandedRowBytes(columns, false))),
    outs: [take(outBytes), take(outBytes)],
    scratch: take(kernelScratchBytes(ROW_BLOCK)),
    queriesAt: take(QUERY_BLOCK * headLength * FLOAT_BYTES),
    scoreStride,
    scoresAt: take(QUERY_BLOCK * scoreStride * FLOAT_BYTES),
    attended: take(QUERY_BLOCK * roundUp(headLength, PANEL_ROWS) * FLOAT_BYTES),
    vectorAt: take(headLength * FLOAT_BYTES),
    logits: take(vocabulary * FLOAT_BYTES),
    codes: take(vocabulary * 2),
    end: end(),
  };
}

/** Bytes of a thread's numerics. */
export function numericsBytes(limits: NumericsLimits): number {
  return placeBuffers(limits, 0).end + limits.keptBytes;
}

/** @param module of `dist/quantize.wasm` */
export function wasmNumerics(module: WebAssembly.Module, limits: NumericsLimits): Numerics {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const wasm = instantiateWasm(module, memory);

  const buffers = placeBuffers(limits, roundUp(wasm.heap_base(), 64));
  const { stored, rowMajor, decoded, layoutAt, tablesAt, tiles, x, outs, scratch } = buffers;
  const { queriesAt, scoreStride, scoresAt, attended, vectorAt, logits, codes } = buffers;
  const keptEnd = buffers.end + limits.keptBytes;
  const kept = allocator(buffers.end);
  const keep = (bytes: number): number => {
    const address = kept.take(bytes);
    if (kept.end() > keptEnd) throw new RangeError(`no room to keep ${bytes} bytes: ${limits.keptBytes} were planned`);
    return address;
  };
  const pages = Math.ceil((buffers.end + limits.keptBytes) / PAGE_BYTES);
  memory.grow(Math.max(0, pages - memory.buffer.byteLength / PAGE_BYTES));
  const bytes = new Uint8Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  const view = (at: number, length: number): Float32Array => floats.subarray(at / 4, at / 4 + length);
  const scalar = scalarNumerics();

  /** Puts what kernels and decoders want to know of a form into memory. */
  const placeForm = (form: MatrixForm, tableAt: number, tables: number): number => {
    bytes.set(layoutTable(form.layout), tableAt);
    const { format, codebook } = form;
    if (!isCodebookFormat(format)) return 0;
    if (codebook === undefined) throw new RangeError(`${format.name}: tables expected, found none`);
    bytes.set(prepareDecoding(format, codebook), tables);
    return tables;
  };

  /** Stored rows to f32 at `decoded`. */
  const decode = (form: MatrixForm, rows: number, read: (bytes: Uint8Array) => void): void => {
    const { format, layout, columns } = form;
    const size = rowBytes(format, columns);
    read(bytes.subarray(stored, stored + rows * size));
    const prepared = placeForm(form, layoutAt, tablesAt);
    let blocks = stored;
    if (layout.name !== "rows") {
      wasm.unpack_rows(stored, rowMajor, rows / layout.rowsPerGroup, size / format.blockBytes, layoutAt);
      blocks = rowMajor;
    }
    const twin = wasm.decoder(format.name);
    if (twin !== undefined) twin(blocks, decoded, (rows * columns) / format.blockSize, prepared);
    else {
      const codec = isCodebookFormat(format) ? format.bind(form.codebook!) : format;
      codec.decode(bytes.subarray(blocks, blocks + rows * size), view(decoded, rows * columns));
    }
  };

  return {
    ...scalar,
    name: "wasm",
    quantizeRow(kind, row, out) {
      view(x, row.length).set(row);
      const at = x + roundUp(row.byteLength, 16);
      wasm.quantize_activations(x, at, 1, row.length, kind === "q8_K" ? 1 : 0);
      out.set(bytes.subarray(at, at + out.length));
    },
    loadTile(form, rows, place, read): WasmTile {
      const target = place === "kept" ? placeTile(form, rows, keep) : tiles[place]!;
      const { format, columns, arithmetic } = form;
      if (arithmetic !== "float") {
        read(bytes.subarray(target.at, target.at + rows * rowBytes(format, columns)));
        return { form, rows, ...target, tablesAt: placeForm(form, target.layoutAt, target.tablesAt) };
      }
      decode(form, rows, read);
      wasm.pack_panel(decoded, columns, rows, columns, target.at);
      return { form, rows, ...target };
    },
    multiply(tile: WasmTile, activations, choice, place) {
      const { form, rows, at } = tile;
      const { columns, arithmetic } = form;
      const count = countOf(choice);
      const out = outs[place]!;
      const stride = roundUp(rows, PANEL_ROWS);
      if (arithmetic === "float") {
        takeRows(activations.floats, columns, choice, view(x, count * columns));
        wasm.multiply_f32(x, columns, count, columns, at, stride, columns, out, stride);
      } else {
        const size = expandedRowBytes(columns, arithmetic === "q8_K");
        takeRows(activations.quantized[arithmetic]!, size, choice, bytes.subarray(x, x + count * size));
        const kernel = kernelNumber(form.format)!;
        wasm.kernel_gemm(kernel, at, rows, columns, tile.layoutAt, x, count, out, stride, tile.tablesAt, scratch);
      }
      return { values: view(out, count * stride), stride };
    },
    hasRoomFor: (form, rows) => kept.end() + keptTileBytes(form, rows) <= keptEnd,
    decodeRows(form, rows, read) {
      decode(form, rows, read);
      return view(decoded, rows * form.columns);
    },
    sumExponentials(row, largest) {
      view(logits, row.length).set(row);
      return wasm.sum_exponentials(logits, row.length, largest);
    },
    divergence(coded, row, norm) {
      const { scale, least } = codedHead(coded);
      bytes.set(new Uint8Array(coded.buffer, coded.byteOffset + 8, 2 * row.length), codes);
      view(logits, row.length).set(row);
      return wasm.row_divergence(codes, logits, row.length, scale, least, norm);
    },
    gate(activation, gate, up, rows) {
      const { byteOffset } = gate.values;
      const { byteOffset: upOffset } = up.values;
      wasm.gate_rows(ACTIVATIONS.indexOf(activation), byteOffset, upOffset, rows * gate.stride);
    },
    activate(activation, { values, stride }, rows) {
      wasm.activate_rows(ACTIVATIONS.indexOf(activation), values.byteOffset, rows * stride);
    },
    headMemory(positions, keyLength, valueLength): HeadMemory {
      const { keys, values } = placeHead(positions, keyLength, valueLength, keep);
      const valueRows = roundUp(valueLength, PANEL_ROWS);
      let length = 0;
      return {
        get length() {
          return length;
        },
        clear() {
          length = 0;
        },
        append(newKeys, keysAt, keysStride, newValues, newValuesAt, valuesStride, count) {
          if (length + count > positions) throw new RangeError(`${length + count} positions in room for ${positions}`);
          for (let n = 0; n < count; n++, length++) {
            view(vectorAt, keyLength).set(
              newKeys.subarray(keysAt + n * keysStride, keysAt + n * keysStride + keyLength),
            );
            wasm.append_key(keys, keyLength, length, vectorAt);
            const from = newValuesAt + n * valuesStride;
            view(vectorAt, valueLength).set(newValues.subarray(from, from + valueLength));
            wasm.append_value(values, valueLength, positions, length, vectorAt);
          }
        },
        attend(queries, from, queriesStride, count, first, rule, sink, out, outAt, outputStride) {
          const { scale, softcap = 0, window, isCausal = true } = rule;
          for (let done = 0; done < count; done += QUERY_BLOCK) {
            const here = Math.min(QUERY_BLOCK, count - done);
            for (let n = 0; n < here; n++) {
              const at = from + (done + n) * queriesStride;
              view(queriesAt + n * keyLength * 4, keyLength).set(queries.subarray(at, at + keyLength));
            }
            const seen = isCausal ? Math.min(length, first + done + here) : length;
            const panelRows = roundUp(seen, PANEL_ROWS);
            wasm.multiply_f32(queriesAt, keyLength, here, keyLength, keys, panelRows, keyLength, scoresAt, scoreStride);
            for (let n = 0; n < here; n++) {
              const position = first + done + n;
              const last = isCausal ? position + 1 : length;
              const start = window === undefined ? 0 : Math.max(0, position + 1 - window);
              wasm.score_row(
                scoresAt + n * scoreStride * 4,
                start,
                last,
                panelRows,
                scale,
                softcap,
                sink ?? 0,
                sink === undefined ? 0 : 1,
              );
            }
            wasm.multiply_f32(scoresAt, scoreStride, here, seen, values, valueRows, positions, attended, valueRows);
            for (let n = 0; n < here; n++) {
              out.set(view(attended + n * valueRows * 4, valueLength), outAt + (done + n) * outputStride);
            }
          }
        },
      };
    },
  };
}
