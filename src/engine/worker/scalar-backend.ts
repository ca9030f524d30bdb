/** The definitions themselves, run on views of the worker's memory. */
import { rowBytes } from "../../../codecs/codec.ts";
import { isCodebookFormat } from "../../../codecs/registry.ts";
import { pack, unpack } from "../../../layouts/pack.ts";
import { fitSteps } from "../../fit/assign-groups.ts";
import { gemv } from "../../kernels/gemm.ts";
import { ACTIVATION_BLOCK } from "../../kernels/integer-view.ts";
import { quantizeActivations, readActivations } from "../../kernels/quantize-activations.ts";
import { findView } from "../../kernels/views.ts";
import { addErrorSums, ERROR_SUM_COUNT } from "../../verify/error-sums.ts";
import { addProductErrors, PRODUCT_SUM_COUNT } from "../../verify/kernel-check.ts";
import { XXH64_STATE_BYTES, xxh64Add } from "../../verify/xxh64.ts";
import type { Backend } from "./backend.ts";

/** @param base first address of `memory` that may be used */
export function scalarBackend(memory: Uint8Array, base: number): Backend {
  const bytes = (address: number, length: number): Uint8Array => memory.subarray(address, address + length);
  const floats = (address: number, length: number): Float32Array =>
    new Float32Array(memory.buffer, memory.byteOffset + address, length);
  return {
    name: "scalar",
    memory,
    base,
    prepare(format, codebook, effort) {
      if (!isCodebookFormat(format)) return { codec: format };
      if (codebook === undefined) throw new RangeError(`${format.name}: tables expected, found none`);
      return { codec: format.bind(codebook, effort) };
    },
    bindCodec: ({ codec }) => ({
      preparedCodebook: 0,
      decode(src, dst, weights) {
        codec.decode(bytes(src, (weights / codec.blockSize) * codec.blockBytes), floats(dst, weights));
      },
      encode(src, dst, rows, rowLength, importance) {
        const count = rows * rowLength;
        codec.encode!(floats(src, count), bytes(dst, (count / codec.blockSize) * codec.blockBytes), {
          rowLength,
          ...(importance === 0 ? {} : { importance: floats(importance, rowLength) }),
        });
      },
    }),
    bindLayout: (layout) => ({ layout, table: 0 }),
    pack({ layout }, src, dst, rows, rowBytes) {
      pack(layout, bytes(src, rows * rowBytes), bytes(dst, rows * rowBytes), rows, rowBytes);
    },
    unpack({ layout }, src, dst, rows, rowBytes) {
      unpack(layout, bytes(src, rows * rowBytes), bytes(dst, rows * rowBytes), rows, rowBytes);
    },
    bindKernel({ layout: { layout }, codebook }, activations) {
      const view = findView(layout.format);
      const rowLength = activations.length;
      if (view === undefined || rowLength % ACTIVATION_BLOCK[view.activation] !== 0) return undefined;
      const blocks = quantizeActivations(view.activation, activations, rowLength);
      const acts = readActivations(view.activation, blocks, rowLength);
      const size = rowBytes(layout.format, rowLength);
      return (packed, weights, rows, sums) => {
        const out = new Float32Array(rows);
        const matrix = { layout, bytes: bytes(packed, rows * size), rows, rowLength };
        gemv(codebook === undefined ? matrix : { ...matrix, codebook }, acts, out);
        const totals = new Float64Array(memory.buffer, memory.byteOffset + sums, PRODUCT_SUM_COUNT);
        addProductErrors(activations, floats(weights, rows * rowLength), out, totals);
      };
    },
    fitSteps: () => fitSteps,
    addErrorSums(a, b, rows, rowLength, sums) {
      const out = new Float64Array(memory.buffer, memory.byteOffset + sums, ERROR_SUM_COUNT);
      addErrorSums(floats(a, rows * rowLength), floats(b, rows * rowLength), rowLength, out);
    },
    allFinite: (src, count) => floats(src, count).every(Number.isFinite),
    addToHash(state, src, length) {
      xxh64Add(bytes(state, XXH64_STATE_BYTES), bytes(src, length));
    },
  };
}
