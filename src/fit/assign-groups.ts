/**
 * The two steps of a round of fitting that look at every weight. Assigning: which table, scale and codes each group of
 * the sample would choose from the present tables; it is the encoder's own search, without levels. Gathering: the sums
 * from which better tables follow. Both have WebAssembly twins that give the same numbers.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { groupSearch } from "../../codecs/codebook-encode.ts";

/** The choices of the first `count` groups of a sample. */
export interface GroupChoices {
  /** weight = scale * entry; 0 for groups of zeros. */
  readonly scales: Float32Array;
  /** Squared error of each group, weighted by importance, in units of 1/4096. */
  readonly errors: Float32Array;
  readonly tables: Uint8Array;
  /** `blockSize / dimension` codes a group. */
  readonly codes: Uint8Array;
}

/** Sums over groups, per table. */
export interface TableSums {
  /**
   * Weight of squared error (scale^2, times importance), and the same times u = weight / scale. Tables of single
   * weights: per bin of a histogram of u; tables of points: per entry.
   */
  readonly weights: Float64Array;
  readonly moments: Float64Array;
  /** Two per table: sum of scale^2, and of scale^2 times the group's largest |u|. */
  readonly reaches: Float64Array;
}

/** Bins of a table's histogram, one per unit of the entries, over -144 to 144. */
export const HISTOGRAM_BINS = 288;
export const BINS_PER_UNIT = 1;

/** The steps, for one sample. Results may be reused by the next call. */
export interface FitSteps {
  /** Lets the first `count` groups choose; `image` is from `prepareCodebook` without levels. */
  readonly assign: (image: Uint8Array, count: number) => GroupChoices;
  /** Sums over the first `count` groups, by the choices and the image of the last `assign`. */
  readonly gather: (tableCount: number, count: number) => TableSums;
}

/** Makes the steps for a sample of whole groups, with the importance of each weight where there is one. */
export type MakeAssignGroups = (format: CodebookFormat, sample: Float32Array, importance?: Float32Array) => FitSteps;

/** Slots per table in the sums. */
function slots(format: CodebookFormat): number {
  return format.dimension === 1 ? HISTOGRAM_BINS : format.tableLength;
}

/** The definition, in plain TypeScript. */
export const assignGroups: MakeAssignGroups = (format, sample, importance) => {
  const { blockSize, dimension } = format;
  const groups = sample.length / blockSize;
  const codeCount = blockSize / dimension;
  const points = 1 << format.codeBits;
  const scales = new Float32Array(groups);
  const errors = new Float32Array(groups);
  const tables = new Uint8Array(groups);
  const codes = new Uint8Array(groups * codeCount);
  const assign = (image: Uint8Array, count: number): GroupChoices => {
    const { search, result } = groupSearch(image);
    for (let g = 0; g < count; g++) {
      search(sample, g * blockSize, importance, g * blockSize);
      scales[g] = result.scale;
      errors[g] = result.error;
      tables[g] = result.table;
      codes.set(result.codes, g * codeCount);
    }
    return { scales, errors, tables, codes };
  };
  const gather = (tableCount: number, count: number): TableSums => {
    const length = slots(format);
    const weights = new Float64Array(tableCount * length);
    const moments = new Float64Array(tableCount * length);
    const reaches = new Float64Array(tableCount * 2);
    for (let g = 0; g < count; g++) {
      const scale = scales[g]!;
      if (scale === 0) continue;
      const table = tables[g]!;
      const inverse = 1 / scale;
      const square = scale * scale;
      let largest = 0;
      for (let j = 0; j < blockSize; j++) {
        const at = g * blockSize + j;
        const u = sample[at]! * inverse;
        const v = importance === undefined ? square : importance[at]! * square;
        largest = Math.max(largest, Math.abs(u));
        const bin = Math.floor(u * BINS_PER_UNIT + (HISTOGRAM_BINS / 2 + 0.5));
        const slot =
          table * length +
          (dimension === 2 ? (j & 1) * points + codes[at >> 1]! : Math.max(0, Math.min(HISTOGRAM_BINS - 1, bin)));
        weights[slot]! += v;
        moments[slot]! += v * u;
      }
      reaches[2 * table]! += square;
      reaches[2 * table + 1]! += square * largest;
    }
    return { weights, moments, reaches };
  };
  return { assign, gather };
};

/** What the WebAssembly twins need: the module's memory and its exports. */
export interface AssignModule {
  readonly memory: WebAssembly.Memory;
  readonly codebook_assign: (
    src: number,
    groups: number,
    importance: number,
    codebook: number,
    scales: number,
    errors: number,
    tables: number,
    codes: number,
  ) => void;
  readonly codebook_gather: (
    src: number,
    groups: number,
    importance: number,
    codebook: number,
    scales: number,
    tables: number,
    codes: number,
    weights: number,
    moments: number,
    reaches: number,
    bins: number,
    binsPerUnit: number,
  ) => void;
}

const ALIGNMENT = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + ALIGNMENT;

/** Bytes of module memory that `assignInModule` uses for a sample of `weights` weights, from `base` on. */
export function assignBytes(format: CodebookFormat, weights: number, hasImportance: boolean): number {
  const groups = weights / format.blockSize;
  return (
    aligned(weights * 4) * (hasImportance ? 2 : 1) +
    aligned(groups * 4) * 2 +
    aligned(groups) +
    aligned(weights / format.dimension) +
    aligned(MAX_IMAGE_BYTES) +
    aligned(256 * slots(format) * 8) * 2 +
    aligned(256 * 16) +
    ALIGNMENT
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
    const errors = take(groups * 4);
    const tables = take(groups);
    const codes = take(sample.length / format.dimension);
    const codebook = take(MAX_IMAGE_BYTES);
    const sumWeights = take(256 * slots(format) * 8);
    const sumMoments = take(256 * slots(format) * 8);
    const reaches = take(256 * 16);
    const { buffer } = module.memory;
    new Float32Array(buffer, src, sample.length).set(sample);
    if (importance !== undefined) new Float32Array(buffer, weights, importance.length).set(importance);
    const assign = (image: Uint8Array, count: number): GroupChoices => {
      new Uint8Array(buffer, codebook, image.length).set(image);
      module.codebook_assign(src, count, weights, codebook, scales, errors, tables, codes);
      return {
        scales: new Float32Array(buffer, scales, groups),
        errors: new Float32Array(buffer, errors, groups),
        tables: new Uint8Array(buffer, tables, groups),
        codes: new Uint8Array(buffer, codes, sample.length / format.dimension),
      };
    };
    const gather = (tableCount: number, count: number): TableSums => {
      const length = tableCount * slots(format);
      const sums = {
        weights: new Float64Array(buffer, sumWeights, length).fill(0),
        moments: new Float64Array(buffer, sumMoments, length).fill(0),
        reaches: new Float64Array(buffer, reaches, tableCount * 2).fill(0),
      };
      // prettier-ignore
      module.codebook_gather(
        src, count, weights, codebook, scales, tables, codes, sumWeights, sumMoments, reaches, HISTOGRAM_BINS, BINS_PER_UNIT,
      );
      return sums;
    };
    return { assign, gather };
  };
}
