/** What is in a model file, as plain data: metadata, tensors, and sums that are weighted by bytes. */
import { findFormat } from "../../codecs/registry.ts";
import { elementCount, type Metadata, type MetadataScalar, type MetadataValue, type Model } from "../read/model.ts";
import { storedBytes, storedCodebookBytes } from "../read/read-tensor.ts";
import { describeFileType, type FileTypeNote } from "./file-type.ts";

/** One key of the metadata. */
export interface InspectedValue {
  readonly key: string;
  /** GGUF value type: `uint32`, `string`, `array`, ... */
  readonly type: string;
  readonly elementType?: string;
  /** Elements of an array, however many are in `value`. */
  readonly length?: number;
  /** The value; of an array its first elements. */
  readonly value: MetadataScalar | readonly MetadataScalar[];
}

/** One tensor. */
export interface InspectedTensor {
  readonly name: string;
  readonly codec: string;
  readonly layout: string;
  /** Innermost first, as GGUF stores it. */
  readonly shape: readonly number[];
  readonly weights: number;
  readonly byteLength: number;
  /** File (index into `files`) and offset of its first byte. */
  readonly file: number;
  readonly byteOffset: number;
  /** 8 * (bytes + codebook bytes) / weights. */
  readonly bitsPerWeight: number;
  /** Learned tables and levels, per slice, for codebook tensors. */
  readonly codebooks?: readonly { readonly tables: number; readonly levels: number }[];
}

/** All tensors of one encoding. */
export interface EncodingShare {
  readonly codec: string;
  readonly layout: string;
  readonly tensors: number;
  readonly weights: number;
  readonly bytes: number;
  /** Of all tensor bytes, 0 to 1. */
  readonly share: number;
}

export interface Inspection {
  readonly path: string;
  readonly format: Model["format"];
  readonly files: Model["files"];
  readonly architecture?: string;
  readonly name?: string;
  readonly weights: number;
  /** Bytes of tensors and codebooks. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Largest share of bytes first. */
  readonly encodings: readonly EncodingShare[];
  /** `general.file_type` and how far the bytes agree with it; absent when the file does not say. */
  readonly fileType?: FileTypeNote;
  readonly metadata: readonly InspectedValue[];
  readonly tensors: readonly InspectedTensor[];
}

export interface InspectOptions {
  /** Elements of each metadata array to keep, default 8. */
  readonly arrayElements?: number;
}

function inspectValue(key: string, value: MetadataValue, arrayElements: number): InspectedValue {
  if (value.type !== "array") return { key, type: value.type, value: value.value };
  const shown = Array.from({ length: Math.min(arrayElements, value.values.length) }, (_, i) => value.values[i]!);
  return { key, type: "array", elementType: value.elementType, length: value.values.length, value: shown };
}

function stringOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key);
  return value?.type === "string" ? String(value.value) : undefined;
}

/** Tensors summed by codec and layout, largest share of bytes first. */
export function encodingShares(
  tensors: readonly { codec: string; layout: string; weights: number; byteLength: number }[],
): EncodingShare[] {
  const sums = new Map<string, { codec: string; layout: string; tensors: number; weights: number; bytes: number }>();
  let total = 0;
  for (const { codec, layout, weights, byteLength } of tensors) {
    const key = `${codec}@${layout}`;
    const sum = sums.get(key) ?? { codec, layout, tensors: 0, weights: 0, bytes: 0 };
    sums.set(key, sum);
    sum.tensors++;
    sum.weights += weights;
    sum.bytes += byteLength;
    total += byteLength;
  }
  return [...sums.values()]
    .sort((a, b) => b.bytes - a.bytes)
    .map((sum) => ({ ...sum, share: total === 0 ? 0 : sum.bytes / total }));
}

function inspectTensor(tensor: Model["tensors"][number]): InspectedTensor {
  const weights = elementCount(tensor.shape);
  const byteLength = storedBytes(tensor);
  const format = findFormat(tensor.codec);
  const tableLength = format !== undefined && "tableLength" in format ? format.tableLength : 1;
  return {
    name: tensor.name,
    codec: tensor.codec,
    layout: tensor.layout,
    shape: tensor.shape,
    weights,
    byteLength,
    file: tensor.extents[0]?.file ?? 0,
    byteOffset: tensor.extents[0]?.byteOffset ?? 0,
    bitsPerWeight: (8 * (byteLength + storedCodebookBytes(tensor))) / weights,
    ...(tensor.codebooks && {
      codebooks: tensor.codebooks.map(({ tables, levels }) => ({
        tables: tables.length / tableLength,
        levels: levels.length,
      })),
    }),
  };
}

/** Describes a model without reading a weight. */
export function inspectModel(model: Model, { arrayElements = 8 }: InspectOptions = {}): Inspection {
  const tensors = model.tensors.map(inspectTensor);
  const encodings = encodingShares(tensors);
  const weights = tensors.reduce((sum, tensor) => sum + tensor.weights, 0);
  const bytes = tensors.reduce((sum, tensor) => sum + (tensor.bitsPerWeight * tensor.weights) / 8, 0);
  const architecture = stringOf(model.metadata, "general.architecture");
  const name = stringOf(model.metadata, "general.name");
  const fileType = describeFileType(model.metadata, encodings);
  return {
    path: model.path,
    format: model.format,
    files: model.files.map(({ path, byteLength }) => ({ path, byteLength })),
    ...(architecture !== undefined && { architecture }),
    ...(name !== undefined && { name }),
    weights,
    bytes,
    bitsPerWeight: weights === 0 ? 0 : (8 * bytes) / weights,
    encodings,
    ...(fileType && { fileType }),
    metadata: [...model.metadata].map(([key, value]) => inspectValue(key, value, arrayElements)),
    tensors,
  };
}
