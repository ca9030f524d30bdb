/** The importance of one tensor's columns. */
import { QuantizeError } from "../errors.ts";
import { sliceCount, type Tensor } from "../read/model.ts";
import type { Imatrix } from "./imatrix.types.ts";

/**
 * Importance of each column of each slice, or undefined when the matrix does not know the tensor.
 * @throws QuantizeError `bad-data` when the entry's length is not that of the tensor: it belongs to another model
 */
export function importanceOf(tensor: Tensor, imatrix: Imatrix | undefined): Float32Array | undefined {
  const entry = imatrix?.entries.get(tensor.name);
  if (entry === undefined) return undefined;
  const expected = tensor.shape[0]! * sliceCount(tensor.shape);
  if (entry.length === expected) return entry;
  // Token embeddings are read by number, not multiplied: what was measured there is no importance (llama.cpp warns).
  if (tensor.name === "token_embd.weight" || tensor.name === "per_layer_token_embd.weight") return undefined;
  throw new QuantizeError(
    "bad-data",
    `${imatrix!.path}: entry "${tensor.name}" has ${entry.length} values, expected ${expected} ` +
      `(${tensor.shape[0]} columns, ${sliceCount(tensor.shape)} slices); it was made from another model`,
  );
}
