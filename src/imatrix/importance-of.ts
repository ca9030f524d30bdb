/** Which tensors an importance matrix serves, and which cannot do without. */
import { QuantizeError } from "../errors.ts";
import { sliceCount, type Tensor } from "../read/model.ts";
import type { Imatrix } from "./imatrix.types.ts";

/** Tensors for which no measurement is expected: embeddings are read by number, outputs are not measured by default. */
const MAY_LACK_IMPORTANCE: ReadonlySet<string> = new Set([
  "token_embd.weight",
  "per_layer_token_embd.weight",
  "output.weight",
]);

/**
 * Importance of each column of each slice, or undefined when the matrix does not know the tensor.
 * @throws QuantizeError `bad-data` when the entry's length is not that of the tensor: it belongs to another model
 */
export function importanceOf(tensor: Tensor, imatrix: Imatrix | undefined): Float32Array | undefined {
  const entry = imatrix?.entries.get(tensor.name);
  if (entry === undefined) return undefined;
  const slices = sliceCount(tensor.shape);
  const expected = tensor.shape[0]! * slices;
  if (entry.length === expected) return entry;
  // What was measured at an embedding is no importance of its columns: llama.cpp passes over it too.
  if (tensor.name.endsWith("token_embd.weight")) return undefined;
  throw new QuantizeError(
    "bad-data",
    `${imatrix!.path}: entry "${tensor.name}" has ${entry.length} values, expected ${expected} ` +
      `(${tensor.shape[0]} columns, ${slices} slices): it was made from another model`,
  );
}

/** Refuses a matrix that knows none of the model's tensors. @throws QuantizeError `bad-data` */
export function requireSameModel(imatrix: Imatrix, tensors: readonly Tensor[]): void {
  if (tensors.some(({ name }) => imatrix.entries.has(name))) return;
  const [example = "nothing"] = imatrix.entries.keys();
  throw new QuantizeError(
    "bad-data",
    `${imatrix.path}: none of its ${imatrix.entries.size} entries (${example}, ...) names a tensor of this model`,
  );
}

/**
 * Refuses types that come out as noise without importance.
 * @param needed types that need it in this recipe
 * @throws QuantizeError `usage` without a matrix, `bad-data` when the matrix lacks the tensor
 */
export function requireImportance(
  tensor: Tensor,
  codec: string,
  importance: Float32Array | undefined,
  imatrix: Imatrix | undefined,
  needed: readonly string[],
): void {
  if (importance !== undefined || !needed.includes(codec) || MAY_LACK_IMPORTANCE.has(tensor.name)) return;
  const what = `tensor "${tensor.name}" becomes ${codec}, which needs an importance matrix here`;
  if (imatrix === undefined) throw new QuantizeError("usage", `${what}: give one with --imatrix`);
  throw new QuantizeError("bad-data", `${what}: ${imatrix.path} has no entry for it`);
}

/** What people should know of a matrix before it is used, a sentence each. */
export function imatrixWarnings(
  imatrix: Imatrix,
  encoded: readonly { readonly tensor: Tensor; readonly importance?: Float32Array }[],
): string[] {
  const warnings: string[] = [];
  const without = encoded.filter(
    ({ tensor, importance }) => importance === undefined && !MAY_LACK_IMPORTANCE.has(tensor.name),
  );
  if (without.length > 0)
    warnings.push(
      `${imatrix.path} has no entry for ${without.length} of ${encoded.length} tensors, which count all columns alike: ` +
        without
          .slice(0, 4)
          .map(({ tensor }) => tensor.name)
          .join(", ") +
        (without.length > 4 ? ", ..." : ""),
    );
  const unseen = [...imatrix.unseenSlices.values()].reduce((sum, count) => sum + count, 0);
  if (unseen > 0)
    warnings.push(
      `${imatrix.path} has no measurement for ${unseen} slices (experts) of ${imatrix.unseenSlices.size} tensors, ` +
        `which count all columns alike`,
    );
  return warnings;
}
