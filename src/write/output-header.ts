/**
 * The header of the output, planned before the work and written after it: the manifest inside it holds hashes and
 * errors that are known last. Its size is fixed from a draft with the longest values; the finished manifest is padded
 * with spaces to fill the same room.
 */
import { basename } from "node:path";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import type { Codebook, CodebookFormat } from "../../codecs/codec.ts";
import { QuantizeError } from "../errors.ts";
import type { RecipeFile } from "../plan/recipes/recipe-file.types.ts";
import type { Plan } from "../plan/plan.ts";
import { planHash } from "../plan/plan-hash.ts";
import { reasonText } from "../plan/reason.ts";
import { fileMetadata } from "../plan/split-outputs.ts";
import { I8_TYPE } from "../read/gguf/gguf-types.ts";
import { sliceCount } from "../read/model.ts";
import { toolVersion } from "../text/version.ts";
import type { Compat } from "../../layouts/compat.ts";
import { carrierOf } from "../container/carrier.ts";
import { ggufHeaderBytes, ggufHeaderSize, type GgufHeader, type HeaderTensor } from "./gguf-header.ts";
import { ANY_HASH, LONGEST_NUMBER, manifestRoom, manifestText } from "../container/manifest.ts";
import { MANIFEST_VERSION, SET_KEY } from "../container/manifest-keys.ts";
import type { Manifest, ManifestFacts, ManifestTensor } from "../container/manifest.ts";
import { joinCodebooks, withStorageKeys, type StoredCodebooks } from "../container/storage-keys.ts";
import { plannedLevels } from "../plan/table-count.ts";
import type { Effort } from "../../codecs/codec.ts";
import { hashCodebooks } from "../verify/codebook-hash.ts";
import type { VerifyLevel } from "../verify/verify-level.ts";
import { formatHash } from "../verify/xxh64.ts";
import { isCopy } from "../plan/plan.ts";

/** The header of one file. */
export interface FileHeader {
  /** The tensor list. */
  readonly tensors: readonly HeaderTensor[];
  /** Size of the header: where the data section starts. */
  readonly byteLength: number;
}

export interface OutputHeader {
  /** See `planHash`; with the options that decide what is written. */
  readonly planHash: string;
  /** One for each of the plan's files. Manifest and codebooks are in the first. */
  readonly files: readonly FileHeader[];
  finish(facts: HeaderFacts): FinishedHeader;
}

/** The headers of all files, each exactly as long as planned, and the manifest that the first of them holds. */
export interface FinishedHeader {
  readonly bytes: readonly Uint8Array[];
  readonly manifest: Manifest;
}

export interface HeaderFacts {
  /** What the manifest says of each tensor of the plan. */
  readonly tensors: readonly ManifestTensor[];
  /** The codebooks of each tensor of the plan, slice by slice; undefined where it has none. */
  readonly codebooks: readonly (readonly Codebook[] | undefined)[];
  readonly sourceHash: string;
  /** What else is to be said; no longer than its draft. */
  readonly manifest?: ManifestFacts;
}

/** What of the run's options is written down, or decides how tensors are carried: see `ConversionOptions`. */
export interface HeaderOptions {
  readonly verify?: VerifyLevel;
  readonly effort?: Effort;
  readonly compat?: Compat;
  readonly provenance?: Readonly<Record<string, unknown>>;
  readonly manifest?: boolean;
  /** What a recipe says of the calibration. */
  readonly calibrate?: RecipeFile["calibrate"];
  /** Names of tensors that will have an output error. */
  readonly calibrated?: ReadonlySet<string>;
}

/** @throws QuantizeError `usage` when only the manifest would say what the bytes of a tensor mean */
function checkStock(plan: Plan, compat: Compat | undefined): void {
  const carried = plan.tensors.filter(({ tensor, codec, layout }) => {
    return codec !== "i8" && carrierOf(findFormat(codec)!, layout, tensor.shape, compat).ggmlType === I8_TYPE;
  });
  const [first] = carried;
  if (first === undefined) return;
  const rest = carried.length > 1 ? ` and ${carried.length - 1} more` : "";
  throw new QuantizeError(
    "usage",
    `--no-manifest: ${first.tensor.name}${rest} would be ${first.codec} in layout ${first.layout}, which only the ` +
      `manifest describes: without it, stock types in rows can be written`,
  );
}

/** A codebook with exactly so many tables and levels: the last of each stands for those that were not needed. */
function padded({ tables, levels }: Codebook, tableLength: number, tableCount: number, levelCount: number): Codebook {
  const allTables = new Int8Array(tableCount * tableLength);
  for (let start = 0; start < allTables.length; start += tableLength) {
    const from = Math.min(start, tables.length - tableLength);
    allTables.set(tables.subarray(from, from + tableLength), start);
  }
  const allLevels = Float32Array.from({ length: levelCount }, (_, i) => levels[Math.min(i, levels.length - 1)]!);
  return { tables: allTables, levels: allLevels };
}

/** Codebook tensors of a plan, with what sizes depend on. */
function codebookTensors(
  plan: Plan,
): { index: number; format: CodebookFormat; tables: number; levels: number; slices: number }[] {
  return plan.tensors.flatMap((planned, index) => {
    const { tensor, codec, tables } = planned;
    const format = findFormat(codec);
    if (format === undefined || !isCodebookFormat(format)) return [];
    const levels = plannedLevels(planned, format);
    return [{ index, format, tables: tables!, levels, slices: sliceCount(tensor.shape) }];
  });
}

/**
 * Sizes the header of a plan. The manifest in it repeats the conversion: the plan's recipe, and the effort that went
 * into codebooks.
 * @param factsDraft what else the manifest will say, with the longest values there are
 * @throws QuantizeError `usage` for a plan that needs the manifest that it shall not have
 */
export function planOutputHeader(plan: Plan, options: HeaderOptions, factsDraft: ManifestFacts = {}): OutputHeader {
  const { verify = "kernels", effort = "normal", provenance, compat, calibrate, calibrated } = options;
  const { manifest: hasManifest = true } = options;
  if (!hasManifest) checkStock(plan, compat);
  const { alignment, model } = plan;
  const lists = Array.from({ length: plan.fileCount }, (): HeaderTensor[] => []);
  for (const { tensor, codec, layout, file, byteOffset } of plan.tensors) {
    const carrier = carrierOf(findFormat(codec)!, layout, tensor.shape, compat);
    lists[file]!.push({ name: tensor.name, ...carrier, byteOffset });
  }
  const withBooks = codebookTensors(plan);
  const hasBooks = new Set(withBooks.map(({ index }) => index));
  const version = toolVersion();
  const manifestOf = (sourceHash: string, entries: readonly ManifestTensor[], facts: ManifestFacts): Manifest => ({
    format: MANIFEST_VERSION,
    tool: { name: "quantize", version },
    source: {
      format: model.format,
      files: model.files.map(({ path, byteLength }) => ({ name: basename(path), bytes: byteLength })),
      hash: sourceHash,
    },
    recipe: {
      ...plan.recipe,
      ...((withBooks.length > 0 || calibrate) && { effort }),
      ...(compat && { compat }),
      ...(calibrate && { calibrate }),
    },
    ...(provenance === undefined ? {} : { provenance: { ...provenance } }),
    ...facts,
    tensors: [...entries],
  });
  const draft = manifestOf(
    ANY_HASH,
    plan.tensors.map((planned, index) => ({
      name: planned.tensor.name,
      codec: planned.codec,
      layout: planned.layout,
      shape: [...planned.tensor.shape],
      bytes: planned.byteLength,
      hash: ANY_HASH,
      sourceHash: ANY_HASH,
      ...(hasBooks.has(index) ? { codebookHash: ANY_HASH } : {}),
      ...(planned.tables === undefined ? {} : { tables: planned.tables }),
      ...(isCopy(planned) || verify === "off"
        ? {}
        : { quality: { nmse: LONGEST_NUMBER, cosine: LONGEST_NUMBER, kernelError: LONGEST_NUMBER } }),
      ...(calibrated?.has(planned.tensor.name) ? { outputError: LONGEST_NUMBER } : {}),
      reason: reasonText(planned.reason),
    })),
    factsDraft,
  );
  const room = manifestRoom(draft);
  const sizes: StoredCodebooks[] = withBooks.map(({ index, format, tables, levels, slices }) => ({
    tensor: plan.tensors[index]!.tensor.name,
    tables: { length: slices * tables * format.tableLength },
    levels: { length: slices * levels },
  }));
  const hash = planHash(plan, { version, verify, effort, compat, ...calibrate });
  const headersWith = (stored: readonly StoredCodebooks[], manifest: string, sourceHash: string): GgufHeader[] =>
    lists.map((tensors, file) => {
      const own = fileMetadata(plan, file);
      if (!hasManifest) return { metadata: own, tensors, alignment };
      const metadata = new Map(file === 0 ? withStorageKeys(own, stored, manifest) : own);
      if (plan.fileCount > 1) metadata.set(SET_KEY, { type: "string", value: `${hash}-${sourceHash}` });
      return { metadata, tensors, alignment };
    });
  return {
    planHash: hash,
    files: headersWith(sizes, " ".repeat(room), ANY_HASH).map((header) => ({
      tensors: header.tensors,
      byteLength: ggufHeaderSize(header),
    })),
    finish({ tensors, codebooks, sourceHash, manifest: facts = {} }) {
      const entries = [...tensors];
      const stored = withBooks.map(({ index, format, tables, levels }) => {
        const books = codebooks[index]!.map((book) => padded(book, format.tableLength, tables, levels));
        entries[index] = { ...entries[index]!, codebookHash: formatHash(hashCodebooks(books)) };
        return joinCodebooks(plan.tensors[index]!.tensor.name, books);
      });
      const manifest = manifestOf(sourceHash, entries, facts);
      return { manifest, bytes: headersWith(stored, manifestText(manifest, room), sourceHash).map(ggufHeaderBytes) };
    },
  };
}
