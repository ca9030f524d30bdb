/** The steps of a round of fitting in the WebAssembly module: the sample lies in its memory for the time of the fit. */
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import type { CodebookFormat } from "../../codecs/codec.ts";
import { binCentres, errorUnit, preparedBytes, prepareTables, WORD } from "../../codecs/codebooks/codebook-prepare.ts";
import { ALIGNMENT, allocator } from "../allocator.ts";
import type { MakeFitSteps } from "./assign-groups.ts";
import type { GroupChoices } from "./group-choices.ts";
import { HISTOGRAM_BINS } from "./improve-entries.ts";

/** What the steps need of the module: its memory and these of its exports. */
export interface FitModule {
  readonly memory: WebAssembly.Memory;
  readonly codebook_errors: (codebook: number, centres: number, unit: number) => void;
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
  readonly codebook_improve: (
    src: number,
    groups: number,
    importance: number,
    codebook: number,
    scales: number,
    tables: number,
    codes: number,
    order: number,
    sums: number,
    entries: number,
  ) => void;
}

const MAX_BINS = 256;

/** Where everything lies, from `base` on. */
function places(format: CodebookFormat, weights: number, hasImportance: boolean, base: number) {
  const groups = weights / format.blockSize;
  const { take, end } = allocator(base);
  return {
    groups,
    src: take(weights * 4),
    importance: hasImportance ? take(weights * 4) : 0,
    scales: take(groups * 4),
    errors: take(groups * 4),
    tables: take(groups),
    codes: take(weights / format.dimension),
    codebook: take(preparedBytes(format, MAX_TABLES)),
    centres: take(MAX_BINS * 8),
    order: take((groups + MAX_TABLES + 1) * 4),
    sums: take(Math.max(HISTOGRAM_BINS, format.tableLength) * 16),
    entries: take(MAX_TABLES * format.tableLength * 8),
    end: end(),
  };
}

/** Bytes of module memory that `moduleSteps` uses for a sample of `weights` weights, from `base` on. */
export function fitBytes(format: CodebookFormat, weights: number, hasImportance: boolean): number {
  return places(format, weights, hasImportance, 0).end + ALIGNMENT;
}

/** The twins, in a module whose memory from `base` on is ours for the duration of the fit. */
export function moduleSteps(module: FitModule, base: number): MakeFitSteps {
  return (format, { weights, importance }) => {
    const at = places(format, weights.length, importance !== undefined, base);
    const { buffer } = module.memory;
    new Float32Array(buffer, at.src, weights.length).set(weights);
    if (importance !== undefined) new Float32Array(buffer, at.importance, importance.length).set(importance);
    const choices: GroupChoices = {
      scales: new Float32Array(buffer, at.scales, at.groups),
      errors: new Float32Array(buffer, at.errors, at.groups),
      tables: new Uint8Array(buffer, at.tables, at.groups),
      codes: new Uint8Array(buffer, at.codes, weights.length / format.dimension),
    };
    const centres = binCentres(format);
    new Float64Array(buffer, at.centres, centres.length).set(centres);
    return {
      assign(tables, count, effort) {
        const tableCount = tables.length / format.tableLength;
        // All but the errors, which the module fills in.
        const image = prepareTables(format, { tables, levels: NO_LEVELS }, effort);
        const errors = new Int32Array(image.buffer)[WORD.errors]!;
        new Uint8Array(buffer, at.codebook, errors).set(image.subarray(0, errors));
        module.codebook_errors(at.codebook, at.centres, errorUnit(format, tableCount));
        // prettier-ignore
        module.codebook_assign(
          at.src, count, at.importance, at.codebook, at.scales, at.errors, at.tables, at.codes,
        );
        return choices;
      },
      improve(entries, count) {
        const improved = new Float64Array(buffer, at.entries, entries.length);
        improved.set(entries);
        // prettier-ignore
        module.codebook_improve(
          at.src, count, at.importance, at.codebook, at.scales, at.tables, at.codes, at.order, at.sums, at.entries,
        );
        return improved.slice();
      },
    };
  };
}

const NO_LEVELS = new Float32Array(0);
