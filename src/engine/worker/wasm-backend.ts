/** The SIMD twins, called on the worker's memory; a loop without a twin runs its definition on the same memory. */
import { isCodebookFormat } from "../../../codecs/registry.ts";
import { prepareCodebook, prepareDecoding } from "../../../codecs/codebooks/prepare-codebook.ts";
import { layoutTable } from "../../../layouts/layout-table.ts";
import { moduleSteps } from "../../fit/module-steps.ts";
import { ACTIVATION_BLOCK } from "../../kernels/integer-view.ts";
import { isSuperKernel, kernelNumber } from "../../kernels/kernel-numbers.ts";
import { instantiateWasm } from "../../wasm/wasm-exports.ts";
import { kernelRoom } from "./arena.ts";
import type { Backend } from "./backend.ts";
import { scalarBackend } from "./scalar-backend.ts";

const PAGE_BYTES = 65536;

/**
 * One instance with a memory of its own.
 * @param arenaBytes room that the worker's buffers need, beyond the module's own static data
 */
export function wasmBackend(module: WebAssembly.Module, arenaBytes: number): Backend {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const wasm = instantiateWasm(module, memory);
  const base = (wasm.heap_base() + 63) & ~63;
  const pages = Math.ceil((base + arenaBytes) / PAGE_BYTES);
  const present = memory.buffer.byteLength / PAGE_BYTES;
  if (pages > present) memory.grow(pages - present);
  const bytes = new Uint8Array(memory.buffer);
  const scalar = scalarBackend(bytes, base);
  return {
    ...scalar,
    name: "wasm",
    bindLayout(layout, address) {
      bytes.set(layoutTable(layout), address);
      return { layout, table: address };
    },
    prepare(format, codebook, effort) {
      const ready = scalar.prepare(format, codebook, effort);
      if (!isCodebookFormat(format)) return ready;
      const preparedCodebook =
        effort === undefined ? prepareDecoding(format, codebook!) : prepareCodebook(format, codebook!, effort);
      return { ...ready, preparedCodebook };
    },
    bindCodec(ready, address) {
      const { codec } = ready;
      const definition = scalar.bindCodec(ready, address);
      const preparedCodebook = ready.preparedCodebook === undefined ? 0 : address;
      if (ready.preparedCodebook !== undefined) bytes.set(ready.preparedCodebook, address);
      const decode = wasm.decoder(codec.name);
      const encode = wasm.encoder(codec.name);
      return {
        preparedCodebook,
        decode:
          decode === undefined
            ? definition.decode
            : (src, dst, weights) => decode(src, dst, weights / codec.blockSize, preparedCodebook),
        encode:
          encode === undefined
            ? definition.encode
            : (src, dst, rows, rowLength, importance) =>
                encode(src, dst, rows, rowLength, importance, preparedCodebook),
      };
    },
    pack({ layout, table }, src, dst, rows, rowBytes) {
      wasm.pack_rows(src, dst, rows / layout.rowsPerGroup, rowBytes / layout.format.blockBytes, table);
    },
    unpack({ layout, table }, src, dst, rows, rowBytes) {
      wasm.unpack_rows(src, dst, rows / layout.rowsPerGroup, rowBytes / layout.format.blockBytes, table);
    },
    bindKernel({ layout: { layout, table }, codec }, activations, room) {
      const rowLength = activations.length;
      const kernel = kernelNumber(layout.format);
      if (kernel === undefined) return undefined;
      const isSuper = isSuperKernel(kernel);
      if (rowLength % ACTIVATION_BLOCK[isSuper ? "q8_K" : "q8_0"] !== 0) return undefined;
      const { values, acts, out, scratch } = kernelRoom(rowLength, room);
      new Float32Array(memory.buffer, values, rowLength).set(activations);
      wasm.quantize_activations(values, acts, 1, rowLength, isSuper ? 1 : 0);
      return (packed, weights, rows, sums) => {
        const { preparedCodebook } = codec;
        wasm.kernel_gemm(kernel, packed, rows, rowLength, table, acts, 1, out, rows, preparedCodebook, scratch);
        wasm.product_errors(values, weights, out, rows, rowLength, sums);
      };
    },
    fitSteps: (room) => moduleSteps(wasm, room),
    addErrorSums: (a, b, rows, rowLength, sums) => wasm.error_sums(a, b, rows, rowLength, sums),
    allFinite: (src, count) => wasm.all_finite(src, count) === 1,
    addToHash: (state, src, length) => wasm.xxh64_add(state, src, length),
  };
}
