/** Rows of a tensor, whatever its format and layout: stored bytes, row-major blocks, weights. */
import { findFormat, isCodebookFormat, resolveCodec } from "../../codecs/registry.ts";
import type { BlockFormat } from "../../codecs/codec.ts";
import { findLayout } from "../../layouts/registry.ts";
import type { Layout } from "../../layouts/layout.ts";
import { unpack } from "../../layouts/pack.ts";
import type { PackedMatrix } from "../../layouts/packed-matrix.ts";
import { QuantizeError } from "../errors.ts";
import { unknownName } from "../text/nearest-name.ts";
import { rowCount, sliceCount, type Model, type Tensor } from "../read/model.ts";
import { closeModelFiles, openModelFiles, readTensorRows, storedBytes } from "../read/read-tensor.ts";

/**
 * Reads rows of one tensor. Row numbers count through all slices, from 0; `end` is exclusive. All three throw
 * RangeError for rows that the tensor does not have, QuantizeError `io` when the system cannot read.
 */
export interface TensorReader {
  readonly format: BlockFormat;
  readonly layout: Layout;
  readonly rows: number;
  /** Weights of a row. */
  readonly rowLength: number;
  /** Bytes of a row's blocks. */
  readonly rowBytes: number;
  /** Rows `[start, end)` as they are stored; both must be multiples of the layout's rows per group. */
  readonly stored: (start: number, end: number) => Uint8Array;
  /** Rows `[start, end)` as row-major blocks. */
  readonly blocks: (start: number, end: number) => Uint8Array;
  /** Rows `[start, end)` decoded: `rowLength` f32 each. */
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

/** A reader on open files. */
function readerOn(model: Model, tensor: Tensor, fds: readonly number[]): TensorReader {
  const layout = layoutOf(tensor);
  const rows = rowCount(tensor.shape);
  const rowLength = tensor.shape[0]!;
  const sliceRows = tensor.shape[1] ?? 1;
  const rowBytes = storedBytes(tensor) / rows;
  const stored = (start: number, end: number): Uint8Array => {
    checkRows(tensor, rows, start, end);
    const bytes = new Uint8Array((end - start) * rowBytes);
    readTensorRows(model.files, fds, tensor, start, end, bytes);
    return bytes;
  };
  const blocks = (start: number, end: number): Uint8Array => {
    checkRows(tensor, rows, start, end);
    const group = layout.rowsPerGroup;
    if (group === 1) return stored(start, end);
    const first = start - (start % group);
    const last = Math.ceil(end / group) * group;
    const rowMajor = new Uint8Array((last - first) * rowBytes);
    unpack(layout, stored(first, last), rowMajor, last - first, rowBytes);
    return rowMajor.subarray((start - first) * rowBytes, (end - first) * rowBytes);
  };
  const weights = (start: number, end: number): Float32Array => {
    const rowMajor = blocks(start, end);
    const out = new Float32Array((end - start) * rowLength);
    // Each slice may have tables of its own.
    for (let row = start; row < end;) {
      const slice = Math.floor(row / sliceRows);
      const sliceEnd = Math.min(end, (slice + 1) * sliceRows);
      const codec = resolveCodec(tensor.codec, tensor.codebooks?.[slice]);
      const [from, to] = [row - start, sliceEnd - start];
      codec.decode(rowMajor.subarray(from * rowBytes, to * rowBytes), out.subarray(from * rowLength, to * rowLength));
      row = sliceEnd;
    }
    return out;
  };
  return { format: layout.format, layout, rows, rowLength, rowBytes, stored, blocks, weights };
}

function checkRows({ name }: Tensor, rows: number, start: number, end: number): void {
  if (Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= rows) return;
  throw new RangeError(`${name}: rows ${start} to ${end}, expected whole numbers from 0 to ${rows}`);
}

/**
 * Opens the model's files for as long as `work` runs.
 * @throws QuantizeError `io` when a file is gone or has changed, `incompatible` for a layout that the format does not have
 */
export async function withTensorReader<T>(
  model: Model,
  tensor: Tensor,
  work: (reader: TensorReader) => T | Promise<T>,
): Promise<T> {
  const fds = openModelFiles(model.files);
  try {
    return await work(readerOn(model, tensor, fds));
  } finally {
    closeModelFiles(fds);
  }
}

/**
 * Rows `[start, end)` of a tensor as f32, of any format, layout and codebook: all of them by default. Opens the model's
 * files for itself; `withTensorReader` serves those who read more than once.
 * @returns `(end - start) * tensor.shape[0]` weights
 * @throws RangeError for rows that the tensor does not have; QuantizeError as `withTensorReader`
 */
export function readRows(model: Model, tensor: Tensor, start?: number, end?: number): Promise<Float32Array> {
  return withTensorReader(model, tensor, ({ rows, weights }) => weights(start ?? 0, end ?? rows));
}

/**
 * A slice of a tensor as it is stored, to be multiplied with: `prepareProduct`, `gemm`.
 * @param slice which matrix of stacked ones (experts)
 * @throws RangeError for a slice that the tensor does not have; QuantizeError as `withTensorReader`
 */
export function readMatrix(model: Model, tensor: Tensor, slice = 0): Promise<PackedMatrix> {
  const slices = sliceCount(tensor.shape);
  if (!Number.isInteger(slice) || slice < 0 || slice >= slices) {
    throw new RangeError(`${tensor.name}: slice ${slice}, expected a whole number from 0 to ${slices - 1}`);
  }
  return withTensorReader(model, tensor, ({ layout, rowLength, stored }) => {
    const rows = tensor.shape[1] ?? 1;
    const codebook = tensor.codebooks?.[slice];
    const bytes = stored(slice * rows, (slice + 1) * rows);
    return { layout, bytes, rows, rowLength, ...(codebook && { codebook }) };
  });
}

/** True when the tensor has learned tables to show. */
export function hasCodebooks(tensor: Tensor): boolean {
  const format = findFormat(tensor.codec);
  return format !== undefined && isCodebookFormat(format) && tensor.codebooks !== undefined;
}
