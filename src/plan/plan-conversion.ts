/** From a model and what people ask for to a plan: type, layout, size and place of every tensor. */
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { QuantizeError } from "../errors.ts";
import { importanceOf } from "../imatrix/importance-of.ts";
import { rowCount, sliceCount, type Model, type Tensor } from "../read/model.ts";
import { chooseTypes, type TypeChoice } from "./choose-types.ts";
import { alignmentOf, outputMetadata } from "./output-metadata.ts";
import { overrideMetadata } from "./kv-override.ts";
import type { Plan, PlanOptions, TensorPlan } from "./plan.types.ts";
import { automaticTables, MAX_TABLES } from "./table-count.ts";
import { inOutputOrder } from "./tensor-order.ts";

/** Stored size of a tensor. */
export function storedBytes(tensor: Tensor): number {
  return tensor.extents.reduce((sum, extent) => sum + extent.byteLength, 0);
}

function plannedBytes(tensor: Tensor, codec: string): number {
  if (codec === tensor.codec) return storedBytes(tensor);
  return rowBytes(findFormat(codec)!, tensor.shape[0]!) * rowCount(tensor.shape);
}

function plannedTables(tensor: Tensor, choice: TypeChoice, byteLength: number): number | undefined {
  const format = findFormat(choice.codec);
  if (format === undefined || !isCodebookFormat(format)) return undefined;
  if (choice.codec === tensor.codec && tensor.codebooks !== undefined)
    return Math.max(...tensor.codebooks.map(({ tables }) => tables.length / format.tableLength));
  if (choice.tables === "auto") return automaticTables(format, byteLength / sliceCount(tensor.shape));
  if (!Number.isInteger(choice.tables) || choice.tables < 1 || choice.tables > MAX_TABLES)
    throw new QuantizeError("usage", `tables: expected 1 to ${MAX_TABLES} or "auto", found ${choice.tables}`);
  return choice.tables;
}

/** Sizes a tensor; its place comes later. */
function planTensor(choice: TypeChoice, options: PlanOptions): Omit<TensorPlan, "byteOffset"> {
  const { tensor, codec, layout, reason, isFallback } = choice;
  const byteLength = plannedBytes(tensor, codec);
  const tables = plannedTables(tensor, choice, byteLength);
  const importance = codec === tensor.codec ? undefined : importanceOf(tensor, options.imatrix);
  return {
    ...{ tensor, codec, layout, reason, isFallback, byteLength },
    ...(tables === undefined ? {} : { tables }),
    ...(importance === undefined ? {} : { importance }),
  };
}

/**
 * Plans a conversion. Reads nothing but the model's description.
 * @throws QuantizeError `usage` and `unknown-name` for options that make no sense, `incompatible` for shapes that do not
 * suit when `onIncompatible` is `error`, `unsupported` for quantized sources without `allowRequantize`
 */
export function planConversion(model: Model, options: PlanOptions): Plan {
  const { choices, recipe, ruleHits, warnings } = chooseTypes(model, inOutputOrder(model.tensors), options);
  const metadata = overrideMetadata(
    outputMetadata(model.metadata, recipe.fileType, options.imatrix),
    options.overrideKv ?? [],
  );
  const alignment = alignmentOf(metadata);
  let byteOffset = 0;
  const tensors = choices.map((choice) => {
    const planned = { ...planTensor(choice, options), byteOffset };
    byteOffset += Math.ceil(planned.byteLength / alignment) * alignment;
    return planned;
  });
  return { model, tensors, metadata, alignment, scheme: recipe.name, ruleHits, warnings };
}
