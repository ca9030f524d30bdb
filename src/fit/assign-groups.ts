/**
 * The assignment step of the fit: which table, scale and codes each group of the sample would choose from the present
 * tables. It is the encoder's own search, without levels; the WebAssembly twin makes the same choices.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { groupSearch } from "../../codecs/codebook-encode.ts";

/** The choices of the first `count` groups of a sample. */
export interface GroupChoices {
  /** weight = scale * entry; 0 for groups of zeros. */
  readonly scales: Float32Array;
  readonly tables: Uint8Array;
  /** `blockSize / dimension` codes a group. */
  readonly codes: Uint8Array;
}

/** Lets the first `count` groups choose; `image` is from `prepareCodebook` without levels. Results may be reused. */
export type AssignGroups = (image: Uint8Array, count: number) => GroupChoices;

/** Makes the assignment step for a sample of whole groups, with the importance of each weight where there is one. */
export type MakeAssignGroups = (
  format: CodebookFormat,
  sample: Float32Array,
  importance?: Float32Array,
) => AssignGroups;

/** The definition, in plain TypeScript. */
export const assignGroups: MakeAssignGroups = (format, sample, importance) => {
  const groups = sample.length / format.blockSize;
  const codeCount = format.blockSize / format.dimension;
  const scales = new Float32Array(groups);
  const tables = new Uint8Array(groups);
  const codes = new Uint8Array(groups * codeCount);
  return (image, count) => {
    const { search, result } = groupSearch(image);
    for (let g = 0; g < count; g++) {
      search(sample, g * format.blockSize, importance, g * format.blockSize);
      scales[g] = result.scale;
      tables[g] = result.table;
      codes.set(result.codes, g * codeCount);
    }
    return { scales, tables, codes };
  };
};

/** What the WebAssembly twin needs: the module's memory and its export. */
export interface AssignModule {
  readonly memory: WebAssembly.Memory;
  readonly codebook_assign: (
    src: number,
    groups: number,
    importance: number,
    codebook: number,
    scales: number,
    tables: number,
    codes: number,
  ) => void;
}

const ALIGNMENT = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + ALIGNMENT;

/** Bytes of module memory that `assignInModule` uses for a sample of `weights` weights, from `base` on. */
export function assignBytes(format: CodebookFormat, weights: number, hasImportance: boolean): number {
  const groups = weights / format.blockSize;
  return (
    aligned(weights * 4) * (hasImportance ? 2 : 1) +
    aligned(groups * 4) +
    aligned(groups) +
    aligned(weights / format.dimension) +
    aligned(MAX_IMAGE_BYTES)
  );
}

/** No image is larger: pairs, 256 tables. */
export const MAX_IMAGE_BYTES = 2 << 20;

/** The twin, in a module whose memory from `base` on is ours for the duration of the fit. */
export function assignInModule(module: AssignModule, base: number): MakeAssignGroups {
  return (format, sample, importance) => {
    const groups = sample.length / format.blockSize;
    let next = aligned(base);
    const take = (bytes: number): number => {
      const at = next;
      next += aligned(bytes);
      return at;
    };
    const src = take(sample.byteLength);
    const weights = importance === undefined ? 0 : take(importance.byteLength);
    const scales = take(groups * 4);
    const tables = take(groups);
    const codes = take(sample.length / format.dimension);
    const codebook = take(MAX_IMAGE_BYTES);
    const { buffer } = module.memory;
    new Float32Array(buffer, src, sample.length).set(sample);
    if (importance !== undefined) new Float32Array(buffer, weights, importance.length).set(importance);
    return (image, count) => {
      new Uint8Array(buffer, codebook, image.length).set(image);
      module.codebook_assign(src, count, weights, codebook, scales, tables, codes);
      return {
        scales: new Float32Array(buffer, scales, groups),
        tables: new Uint8Array(buffer, tables, groups),
        codes: new Uint8Array(buffer, codes, sample.length / format.dimension),
      };
    };
  };
}
