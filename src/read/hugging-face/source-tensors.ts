/** The tensors of a folder as its architecture sees them: numbers of one kind under Hugging Face's names. */
import { findFormat } from "../../../codecs/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { quote } from "../../text/quote.ts";
import { codecOf, type PlacedEntry, type SafetensorsSet } from "../safetensors/safetensors-set.ts";
import type { Extent, PlainArray, StoredArray, StoredNumbers, View } from "../stored-array.types.ts";
import { viewOf } from "../view.ts";

/** One tensor, as it is stored or as what is stored means. */
export interface SourceTensor {
  readonly name: string;
  /** What it arrives as: a block format, or a single number. */
  readonly codec: string;
  readonly array: StoredArray;
  /** An axis for each dimension, outermost first; of block formats the last one counts blocks. */
  readonly view: View;
  /** `file: tensor "name"`, as it is called there: for error messages. */
  readonly place: string;
}

/** Entries by the names that they have in the language model. */
export type NamedEntries = ReadonlyMap<string, PlacedEntry>;

/** Where an entry lies, for error messages. */
export function placeOf(set: SafetensorsSet, entry: PlacedEntry): string {
  return `${set.files[entry.file]!.path}: tensor ${quote(entry.name)}`;
}

/** Counts of a tensor's dimensions, outermost first, in weights. */
export function shapeOf({ codec, view }: SourceTensor): number[] {
  const blockSize = findFormat(codec)?.blockSize ?? 1;
  return view.axes.map(({ count }, index) => (index === view.axes.length - 1 ? count * blockSize : count));
}

/** The bytes of an entry. */
export function extentOf({ file, byteOffset, byteLength }: PlacedEntry): Extent {
  return { file, byteOffset, byteLength };
}

/** An entry's numbers, one after the other. @throws QuantizeError `unsupported` for dtypes that are no numbers to us */
export function numbersOf(set: SafetensorsSet, entry: PlacedEntry): StoredNumbers {
  return { extent: extentOf(entry), codec: codecOf(set, entry) };
}

/**
 * An entry as it is stored.
 * @param name in the language model
 * @throws QuantizeError `unsupported` for empty tensors and odd dtypes
 */
export function plainTensor(set: SafetensorsSet, entry: PlacedEntry, name: string): SourceTensor {
  const place = placeOf(set, entry);
  if (entry.shape.includes(0)) {
    throw new QuantizeError("unsupported", `${place}: it is empty: shape [${entry.shape.join(", ")}]`);
  }
  const codec = codecOf(set, entry);
  const array: PlainArray = { kind: "plain", extent: extentOf(entry), elementBytes: findFormat(codec)!.blockBytes };
  return { name, codec, array, view: viewOf(entry.shape), place };
}
