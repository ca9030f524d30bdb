/** The tensors of a folder as what they mean: floats as they are, quantized ones put together from their pieces. */
import { QuantizeError } from "../../../errors.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import type { Config } from "../config.ts";
import { placeOf, plainTensor, type NamedEntries, type SourceTensor } from "../source-tensors.ts";
import { quantizationOf, type Quantization } from "./quantization.ts";
import { readBitsAndBytes } from "./read-bitsandbytes.ts";
import { readMxfp4Blocks, readPackedFloats } from "./read-fp4.ts";
import { readEightBits } from "./read-fp8.ts";
import { readInputMajor, readPackQuantized } from "./read-packed-integers.ts";

/** Puts tensors together, and takes their pieces out of the entries. */
type Reader = (set: SafetensorsSet, entries: Map<string, PlacedEntry>, quantization: Quantization) => SourceTensor[];

const eightBits: Reader = (set, entries, { settings }) => readEightBits(set, entries, settings);

/** Methods by the name that markers give them; each reader takes what is in its form and leaves the rest. */
const READERS: Readonly<Record<string, readonly Reader[]>> = {
  fp8: [eightBits],
  "compressed-tensors": [readPackedFloats, packed, eightBits],
  modelopt: [readPackedFloats, eightBits],
  modelopt_fp4: [readPackedFloats, eightBits],
  nvfp4: [readPackedFloats, eightBits],
  mxfp4: [readMxfp4Blocks],
  gptq: [readInputMajor],
  awq: [readInputMajor],
  bitsandbytes: [readBitsAndBytes],
};

/** Only folders that have packed integers state their bits. */
function packed(set: SafetensorsSet, entries: Map<string, PlacedEntry>, quantization: Quantization): SourceTensor[] {
  const hasPacked = [...entries].some(([name, { dtype }]) => name.endsWith("_packed") && dtype === "I32");
  return hasPacked ? readPackQuantized(set, entries, quantization) : [];
}

/**
 * Reads the tensors of a folder.
 * @param entries by their names in the language model
 * @throws QuantizeError `unsupported` for a way to quantize that is not read, `bad-format` for pieces that do not fit
 */
export function readSources(
  set: SafetensorsSet,
  entries: NamedEntries,
  folder: string,
  config: Config,
): SourceTensor[] {
  const rest = new Map(entries);
  const quantization = quantizationOf(folder, config);
  const tensors = quantization === undefined ? [] : readQuantized(set, rest, quantization);
  return [...tensors, ...[...rest].map(([name, entry]) => plainTensor(set, entry, name))];
}

function readQuantized(
  set: SafetensorsSet,
  rest: Map<string, PlacedEntry>,
  quantization: Quantization,
): SourceTensor[] {
  const { method, where } = quantization;
  const readers = READERS[method];
  if (readers === undefined) {
    const known = Object.keys(READERS).join(", ");
    const message = `${where}: the weights are quantized in a way that is not read (${method}); give the original`;
    throw new QuantizeError("unsupported", `${message}, or one in ${known}`);
  }
  const tensors = readers.flatMap((read) => read(set, rest, quantization));
  for (const entry of rest.values()) {
    if (entry.dtype.startsWith("F8_") && entry.shape.length > 1) {
      throw new QuantizeError(
        "bad-format",
        `${placeOf(set, entry)}: expected scales beside it (${method}), found none`,
      );
    }
  }
  return tensors;
}
