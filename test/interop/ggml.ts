/** ggml's own encoders and decoders: the definition of "bit for bit". */
import { loadGgml } from "./libraries.mjs";

const ggml = loadGgml();

/** Bytes that ggml makes of whole rows. `imatrix` has one value per column. */
export function ggmlEncode(type: number, src: Float32Array, rowLength: number, imatrix?: Float32Array): Uint8Array {
  const rows = src.length / rowLength;
  ggml.ggml_quantize_init(type);
  const dst = new Uint8Array(rows * Number(ggml.ggml_row_size(type, rowLength)));
  const written = ggml.ggml_quantize_chunk(type, src, dst, 0, rows, rowLength, imatrix ?? null);
  if (Number(written) !== dst.length) throw new Error(`ggml wrote ${written} bytes, expected ${dst.length}`);
  return dst;
}

/** Weights that ggml reads out of blocks; `name` as in `dequantize_row_<name>` (q4_0, q4_K, iq4_nl, ...). */
export function ggmlDecode(name: string, blocks: Uint8Array, count: number): Float32Array {
  const out = new Float32Array(count);
  ggml.dequantizeRow(name)(blocks, out, count);
  return out;
}

/** Activation blocks by ggml's portable reference (`q8_0`, `q8_K`): `quantize_row_<name>_ref`. */
export function ggmlQuantizeRow(name: string, src: Float32Array, byteLength: number): Uint8Array {
  const out = new Uint8Array(byteLength);
  ggml.quantizeRow(name)(src, out, src.length);
  return out;
}
