/** What a conversion has written so far, as a model that passes can go through. */
import { resolve } from "node:path";
import type { Codebook } from "../../codecs/codec.ts";
import type { Plan } from "../plan/plan.ts";
import type { Model } from "../read/model.ts";
import type { FileInTheMaking } from "../write/output-set.ts";

/** The codebooks of each tensor of a plan, slice by slice; undefined where it has none. */
export type PlannedCodebooks = readonly (readonly Codebook[] | undefined)[];

/**
 * The model that a plan makes: the same tensors in other encodings, at other places.
 * @param files as the plan numbers them; none while nothing is written
 */
export function writtenModel(
  plan: Plan,
  path: string,
  files: readonly FileInTheMaking[],
  codebooks: PlannedCodebooks,
): Model {
  return {
    path,
    format: "gguf",
    files: files.map(({ temporaryPath, byteLength }) => ({ path: resolve(temporaryPath), byteLength })),
    metadata: plan.metadata,
    tensors: plan.tensors.map(({ tensor, codec, layout, file, byteOffset, byteLength }, i) => ({
      name: tensor.name,
      shape: tensor.shape,
      codec,
      layout,
      ...(codebooks[i] && { codebooks: codebooks[i] }),
      extents: [{ file, byteOffset: (files[file]?.dataStart ?? 0) + byteOffset, byteLength }],
    })),
  };
}
