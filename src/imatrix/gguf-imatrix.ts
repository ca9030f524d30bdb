/**
 * Importance in GGUF, as llama-imatrix writes it: for each tensor `<name>.in_sum2`, sums of squares, `[columns,
 * slices]`, and `<name>.counts`, `[1, slices]`, both f32; `imatrix.datasets`, `imatrix.chunk_count` and
 * `imatrix.chunk_size` as keys. Other tensors (sums of the values, from some versions) are passed over.
 */
import { QuantizeError } from "../errors.ts";
import { elementCount, type Metadata, type Model, type Tensor } from "../read/model.ts";
import { openGguf } from "../read/gguf/open-gguf.ts";
import { quote } from "../text/quote.ts";
import { closeModelFiles, openModelFiles, readTensorRows } from "../read/read-tensor.ts";
import { rowCount } from "../read/model.ts";
import type { ImatrixContent, ImatrixEntry } from "./imatrix.types.ts";

export const SUMS = ".in_sum2";
export const COUNTS = ".counts";
export const DATASETS_KEY = "imatrix.datasets";
export const CHUNK_COUNT_KEY = "imatrix.chunk_count";
export const CHUNK_SIZE_KEY = "imatrix.chunk_size";

function readFloats(model: Model, fds: readonly number[], tensor: Tensor): Float32Array {
  if (tensor.codec !== "f32") {
    const where = `${model.path}: tensor ${quote(tensor.name)}`;
    throw new QuantizeError("bad-format", `${where}: expected f32, found ${tensor.codec}`);
  }
  const floats = new Float32Array(elementCount(tensor.shape));
  readTensorRows(model.files, fds, tensor, 0, rowCount(tensor.shape), new Uint8Array(floats.buffer));
  return floats;
}

function datasetsOf(metadata: Metadata): string[] {
  const entry = metadata.get(DATASETS_KEY);
  return entry?.type === "array" && entry.elementType === "string" ? Array.from(entry.values, String) : [];
}

function countOf(metadata: Metadata, key: string): number | undefined {
  const entry = metadata.get(key);
  return entry === undefined || entry.type === "array" || typeof entry.value === "string"
    ? undefined
    : Math.max(0, Number(entry.value));
}

/** @throws QuantizeError `bad-format` for anything that is no GGUF file, or no importance matrix */
export function readGgufImatrix(path: string): ImatrixContent {
  const model = openGguf(path);
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const missing = (name: string, what: string) =>
    new QuantizeError(
      "bad-format",
      `${path}: ${quote(name)} has ${what}; expected both <tensor>${SUMS} and <tensor>${COUNTS}`,
    );
  const fds = openModelFiles(model.files);
  try {
    const entries: ImatrixEntry[] = [];
    for (const tensor of model.tensors) {
      if (tensor.name.endsWith(COUNTS)) {
        const name = tensor.name.slice(0, -COUNTS.length);
        if (!byName.has(name + SUMS)) throw missing(name, "counts, but no sums");
      }
      if (!tensor.name.endsWith(SUMS)) continue;
      const name = tensor.name.slice(0, -SUMS.length);
      const counts = byName.get(name + COUNTS);
      if (counts === undefined) throw missing(name, "sums, but no counts");
      // Counts are whole numbers stored as f32.
      const rounded = Array.from(readFloats(model, fds, counts), Math.round);
      entries.push({ name, sums: readFloats(model, fds, tensor), counts: rounded });
    }
    if (entries.length === 0)
      throw new QuantizeError(
        "bad-format",
        `${path}: expected tensors named <tensor>${SUMS}, found none: no importance matrix`,
      );
    const [chunkCount, chunkSize] = [CHUNK_COUNT_KEY, CHUNK_SIZE_KEY].map((key) => countOf(model.metadata, key));
    return {
      ...{ format: "gguf", entries, datasets: datasetsOf(model.metadata) },
      ...(chunkCount !== undefined && { chunkCount }),
      ...(chunkSize !== undefined && { chunkSize }),
    };
  } finally {
    closeModelFiles(fds);
  }
}
