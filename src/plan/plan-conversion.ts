/** From a model and what people ask for to a plan: type, layout, size and place of every tensor. */
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import { isQuantized, rowBytes, type CodebookFormat } from "../../codecs/codec.ts";
import { allFormats, findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { QuantizeError } from "../errors.ts";
import { FIXED_TABLE_LENGTH, FIXED_TABLE_NAMES, fixedTables } from "../fit/fixed-tables.ts";
import { importanceOf, imatrixWarnings, requireImportance, requireSameModel } from "../imatrix/importance-of.ts";
import { unknownName } from "../text/nearest-name.ts";
import { rowCount, sliceCount, type Model, type Tensor } from "../read/model.ts";
import { padTo } from "../read/gguf/gguf-types.ts";
import { storedBytes } from "../read/read-tensor.ts";
import { recipeOf } from "./apply-recipe.ts";
import { chooseTypes, isMoved } from "./choose-types.ts";
import type { TypeChoice } from "./adapt-to-shape.ts";
import { alignmentOf, outputMetadata } from "./output-metadata.ts";
import { overrideMetadata } from "./kv-override.ts";
import type { Plan, PlanOptions, TensorPlan } from "./plan.ts";
import { automaticTables } from "./table-count.ts";
import type { Recipe } from "./recipes/recipe.types.ts";
import { inStoredOrder, outputFiles } from "./split-outputs.ts";
import { inOutputOrder } from "./tensor-order.ts";

function plannedBytes(tensor: Tensor, codec: string): number {
  if (codec === tensor.codec) return storedBytes(tensor);
  return rowBytes(findFormat(codec)!, tensor.shape[0]!) * rowCount(tensor.shape);
}

/** Whether tables of a format have as many entries as the fixed ones, for single weights. */
function takesFixedTables({ tableLength, dimension }: CodebookFormat): boolean {
  return tableLength === FIXED_TABLE_LENGTH && dimension === 1;
}

/** How many fixed tables of that name there are. @throws QuantizeError when the name is unknown or the format has other tables */
function fixedTableCount(name: string, format: CodebookFormat): number {
  const tables = fixedTables(name);
  if (tables === undefined) throw unknownName("table of --tables-from", name, FIXED_TABLE_NAMES);
  if (takesFixedTables(format)) return tables.length / FIXED_TABLE_LENGTH;
  const expected = allFormats().filter(isCodebookFormat).filter(takesFixedTables);
  const names = expected.map((suitable) => suitable.name).join(" or ");
  throw new QuantizeError(
    "usage",
    `--tables-from ${name}: ${format.name} has tables of other entries, expected ${names}`,
  );
}

function plannedTables(
  tensor: Tensor,
  choice: TypeChoice,
  byteLength: number,
  tablesFrom: string | undefined,
): number | undefined {
  const format = findFormat(choice.codec);
  if (format === undefined || !isCodebookFormat(format)) return undefined;
  if (choice.codec === tensor.codec && tensor.codebooks !== undefined)
    return Math.max(...tensor.codebooks.map(({ tables }) => tables.length / format.tableLength));
  if (tablesFrom !== undefined) return fixedTableCount(tablesFrom, format);
  if (choice.tables === "auto") return automaticTables(format, byteLength / sliceCount(tensor.shape));
  if (!Number.isInteger(choice.tables) || choice.tables < 1 || choice.tables > MAX_TABLES)
    throw new QuantizeError("usage", `tables: expected 1 to ${MAX_TABLES} or "auto", found ${choice.tables}`);
  return choice.tables;
}

/** Sizes a tensor and finds its importance; its place comes later. */
function planTensor(
  choice: TypeChoice,
  recipe: Recipe,
  { imatrix, tablesFrom }: PlanOptions,
): Omit<TensorPlan, "file" | "byteOffset"> {
  const { tensor, codec, layout, reason } = choice;
  const byteLength = plannedBytes(tensor, codec);
  const tables = plannedTables(tensor, choice, byteLength, tablesFrom);
  const isEncoded = codec !== tensor.codec;
  const importance = isEncoded ? importanceOf(tensor, imatrix) : undefined;
  if (isEncoded) requireImportance(tensor, codec, importance, imatrix, recipe.needsImatrix ?? []);
  return {
    ...{ tensor, codec, layout, reason, byteLength },
    ...(tables === undefined ? {} : { tables }),
    ...(tables === undefined || tablesFrom === undefined || !isEncoded ? {} : { tablesFrom }),
    // Floats are rounded, not searched for: importance changes nothing there.
    ...(importance === undefined || !isQuantized(findFormat(codec)!) ? {} : { importance }),
  };
}

/**
 * Plans a conversion. Reads nothing but the model's description.
 * @throws QuantizeError `usage` and `unknown-name` for options that make no sense, `incompatible` for shapes that do not
 * suit when `onIncompatible` is `error`, `unsupported` for quantized sources without `allowRequantize`, `bad-data` for
 * an importance matrix of another model
 */
export function planConversion(model: Model, options: PlanOptions): Plan {
  const { imatrix } = options;
  if (imatrix !== undefined) requireSameModel(imatrix, model.tensors);
  // Types are decided in the order of the output, because some rules count tensors.
  const ordered = options.keepSplit ? inStoredOrder(model.tensors) : inOutputOrder(model.tensors);
  const { choices, recipe, rules, ruleHits } = chooseTypes(model, ordered, options);
  const hasMoved = ordered.some((tensor) => isMoved(model, tensor, recipe, options));
  const fileType = hasMoved ? "keep" : (recipe.fileType ?? (recipe.type === "keep" ? "keep" : undefined));
  const isCopied = recipe.type === "keep" && choices.every(({ tensor, codec }) => codec === tensor.codec);
  const stated = outputMetadata(model.metadata, { fileType, imatrix, isCopied });
  const metadata = overrideMetadata(stated, options.overrideKv ?? []);
  const alignment = alignmentOf(metadata);
  const sized = choices.map((choice) => planTensor(choice, recipe, options));
  const files = outputFiles(sized, alignment, options);
  const ends = new Array<number>((files.at(-1) ?? 0) + 1).fill(0);
  const tensors = sized.map((planned, index): TensorPlan => {
    const file = files[index]!;
    const byteOffset = ends[file]!;
    ends[file] = byteOffset + padTo(planned.byteLength, alignment);
    return { ...planned, file, byteOffset };
  });
  const searched = tensors.filter((t) => t.codec !== t.tensor.codec && isQuantized(findFormat(t.codec)!));
  const warnings = [...(model.notes ?? []), ...(imatrix === undefined ? [] : imatrixWarnings(imatrix, searched))];
  return {
    ...{ model, tensors, metadata, alignment, ruleHits, warnings },
    fileCount: ends.length,
    scheme: recipe.name,
    recipe: recipeOf(options, recipe, rules),
  };
}
