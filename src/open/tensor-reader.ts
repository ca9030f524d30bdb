/** Single rows of a model for people to look at: stored bytes, row-major blocks, weights. Not for bulk work. */
import { findFormat, isCodebookFormat, resolveCodec } from "../../codecs/registry.ts";
import type { BlockFormat } from "../../codecs/codec.ts";
import { findLayout } from "../../layouts/registry.ts";
import type { Layout } from "../../layouts/layout.ts";
import { unpack } from "../../layouts/pack.ts";
import { QuantizeError } from "../errors.ts";
import { unknownName } from "../text/nearest-name.ts";
import { rowCount, type Model, type Tensor } from "../read/model.ts";
import { closeModelFiles, openModelFiles, readTensorRows, storedBytes } from "../read/read-tensor.ts";

/** Reads rows of one tensor. Row numbers count through all slices. */
export interface TensorReader {
  readonly format: BlockFormat;
  readonly layout: Layout;
  readonly rows: number;
  readonly rowBytes: number;
  /** Rows `[start, end)` as they are stored; both must be multiples of the layout's rows per group. */
  readonly stored: (start: number, end: number) => Uint8Array;
  /** Rows `[start, end)` as row-major blocks. */
  readonly blocks: (start: number, end: number) => Uint8Array;
  /** Rows `[start, end)` decoded. They must lie in one slice. */
  readonly weights: (start: number, end: number) => Float32Array;
}

/** The tensor of that name. @throws QuantizeError `unknown-name` with the nearest one */
export function findTensor(model: Model, name: string): Tensor {
  const tensor = model.tensors.find((candidate) => candidate.name === name);
  if (tensor !== undefined) return tensor;
  throw unknownName(
    "tensor",
    name,
    model.tensors.map((candidate) => candidate.name),
  );
}

/**
 * The layout of that name for the tensor, by default the one in which it is stored.
 * @throws QuantizeError `unsupported` for formats that this program does not know
 */
export function layoutOf(tensor: Tensor, layoutName = tensor.layout): Layout {
  const format = findFormat(tensor.codec);
  const layout = format === undefined ? undefined : findLayout(format, layoutName);
  if (layout !== undefined) return layout;
  throw new QuantizeError(
    "incompatible",
    `tensor "${tensor.name}": ${tensor.codec} does not come in layout "${layoutName}"`,
  );
}

/** Opens the model's files for as long as `work` runs. */
export async function withTensorReader<T>(
  model: Model,
  tensor: Tensor,
  work: (reader: TensorReader) => T | Promise<T>,
): Promise<T> {
  const layout = layoutOf(tensor);
  const rows = rowCount(tensor.shape);
  const rowBytes = storedBytes(tensor) / rows;
  const fds = openModelFiles(model.files);
  try {
    const stored = (start: number, end: number): Uint8Array => {
      const bytes = new Uint8Array((end - start) * rowBytes);
      readTensorRows(model.files, fds, tensor, start, end, bytes);
      return bytes;
    };
    const blocks = (start: number, end: number): Uint8Array => {
      const group = layout.rowsPerGroup;
      if (group === 1) return stored(start, end);
      const first = start - (start % group);
      const last = Math.ceil(end / group) * group;
      const rowMajor = new Uint8Array((last - first) * rowBytes);
      unpack(layout, stored(first, last), rowMajor, last - first, rowBytes);
      return rowMajor.subarray((start - first) * rowBytes, (end - first) * rowBytes);
    };
    const weights = (start: number, end: number): Float32Array => {
      const slice = Math.floor(start / (tensor.shape[1] ?? 1));
      const codec = resolveCodec(tensor.codec, tensor.codebooks?.[slice]);
      const out = new Float32Array((end - start) * tensor.shape[0]!);
      codec.decode(blocks(start, end), out);
      return out;
    };
    return await work({ format: layout.format, layout, rows, rowBytes, stored, blocks, weights });
  } finally {
    closeModelFiles(fds);
  }
}

/** True when the tensor has learned tables to show. */
export function hasCodebooks(tensor: Tensor): boolean {
  const format = findFormat(tensor.codec);
  return format !== undefined && isCodebookFormat(format) && tensor.codebooks !== undefined;
}
