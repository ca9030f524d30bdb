/**
 * Runs the SIMD twins as the workers do: one module, one memory, sources and results copied in and out.
 */
import { readFileSync } from "node:fs";
import { rowBytes, type Codec, type EncodeOptions } from "#dist/codecs/codec.js";
import {
  instantiateWasm,
  type DecodeExport,
  type EncodeExport,
  type WasmInstance,
} from "#dist/src/wasm/wasm-exports.js";

const PAGE = 65536;
const PADDING = 64;
const GUARD = 0xa5;

/** The module as it was built. */
export const wasmModule = new WebAssembly.Module(readFileSync(new URL("../../dist/quantize.wasm", import.meta.url)));

/** An instance of its own for tests that lay out the memory themselves. */
export function wasmInstance(pages: number): WasmInstance {
  return instantiateWasm(wasmModule, new WebAssembly.Memory({ initial: pages }));
}

/** The instance that `place` gives room in. */
export const wasm = wasmInstance(2);
export const { memory } = wasm;

/** Static data of the module stays below this address: one page. */
export const HEAP_START = PAGE;

/** The twin of a codec as a codec, or undefined when the module exports neither side. */
export function wasmTwin(codec: Codec): Pick<Codec, "encode" | "decode"> | undefined {
  const encode = wasm.encoder(codec.name);
  const decode = wasm.decoder(codec.name);
  if (encode === undefined && decode === undefined) return undefined;
  return {
    ...(encode && codec.encode ? { encode: (...args) => runEncoder(codec, encode, ...args) } : {}),
    decode: decode ? (src, dst) => runDecoder(codec, decode, src, dst) : codec.decode,
  };
}

function runEncoder(
  codec: Codec,
  encode: EncodeExport,
  src: Float32Array,
  dst: Uint8Array,
  options: EncodeOptions,
): void {
  const { rowLength, importance } = options;
  const size = rowBytes(codec, src.length);
  const [srcAt, importanceAt, dstAt] = place([src.byteLength, importance?.byteLength ?? 0, size]);
  new Uint8Array(memory.buffer).set(new Uint8Array(src.buffer, src.byteOffset, src.byteLength), srcAt);
  if (importance) new Float32Array(memory.buffer, importanceAt, importance.length).set(importance);
  const guard = new Uint8Array(memory.buffer, dstAt! + size, PADDING).fill(GUARD);
  encode(srcAt!, dstAt!, src.length / rowLength, rowLength, importance ? importanceAt! : 0);
  if (guard.subarray(16).some((byte) => byte !== GUARD)) throw new Error(`encode_${codec.name} wrote past its end`);
  dst.set(new Uint8Array(memory.buffer, dstAt, size));
}

function runDecoder(codec: Codec, decode: DecodeExport, src: Uint8Array, dst: Float32Array): void {
  const blocks = src.length / codec.blockBytes;
  const size = blocks * codec.blockSize * 4;
  const [srcAt, dstAt] = place([src.length, size]);
  new Uint8Array(memory.buffer).set(src, srcAt);
  decode(srcAt!, dstAt!, blocks);
  new Uint8Array(dst.buffer, dst.byteOffset, size).set(new Uint8Array(memory.buffer, dstAt, size));
}

/** Addresses for buffers of these sizes, 16-byte aligned, each followed by the padding; grows the memory. */
export function place(sizes: readonly number[]): number[] {
  let at = HEAP_START;
  const addresses = sizes.map((size) => {
    const address = at;
    at = Math.ceil((at + size + PADDING) / 16) * 16;
    return address;
  });
  const missing = at - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  return addresses;
}
