/** The steps of a round of fitting in the WebAssembly module: the sample lies in its memory for the time of the fit. */
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import type { CodebookFormat } from "../../codecs/codec.ts";
import { binCentres, errorUnit } from "../../codecs/codebooks/error-rows.ts";
import { prepareUpToErrors } from "../../codecs/codebooks/prepare-codebook.ts";
import { preparedBytes } from "../../codecs/codebooks/prepared-codebook.ts";
import { ALIGNMENT, allocator } from "../allocator.ts";
import type { WasmInstance } from "../wasm/wasm-exports.ts";
import type { MakeFitSteps } from "./assign-groups.ts";
import type { GroupChoices } from "./group-choices.ts";
import { HISTOGRAM_BINS } from "./improve-entries.ts";

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
    preparedCodebook: take(preparedBytes(format, MAX_TABLES)),
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

/** The twins, in an instance whose memory from `base` on is ours for the duration of the fit. */
export function moduleSteps(wasm: WasmInstance, base: number): MakeFitSteps {
  return (format, { weights, importance }) => {
    const at = places(format, weights.length, importance !== undefined, base);
    const { buffer } = wasm.memory;
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
        // All but the error rows, which the module fills in.
        const prepared = prepareUpToErrors(format, { tables, levels: NO_LEVELS }, effort);
        new Uint8Array(buffer).set(prepared, at.preparedCodebook);
        wasm.codebook_errors(at.preparedCodebook, at.centres, errorUnit(format, tableCount));
        // prettier-ignore
        wasm.codebook_assign(
          at.src, count, at.importance, at.preparedCodebook, at.scales, at.errors, at.tables, at.codes,
        );
        return choices;
      },
      improve(entries, count) {
        const improved = new Float64Array(buffer, at.entries, entries.length);
        improved.set(entries);
        // prettier-ignore
        wasm.codebook_improve(
          at.src, count, at.importance, at.preparedCodebook, at.scales, at.tables, at.codes, at.order, at.sums, at.entries,
        );
        return improved.slice();
      },
    };
  };
}

const NO_LEVELS = new Float32Array(0);
