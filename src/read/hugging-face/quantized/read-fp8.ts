/**
 * Weights in 8-bit floats or integers beside their scales: `fp8` of DeepSeek, Qwen, Mistral and vLLM, compressed-tensors
 * (`float-quantized`, `int-quantized`, `naive-quantized`), NVIDIA's FP8, and the 8 bits of bitsandbytes.
 */
import { QuantizeError } from "../../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import { placeOf, type SourceTensor } from "../source-tensors.ts";
import { scaledTensor, type BlockSize } from "./scaled-tensor.ts";

/** Endings of names of scales, and what the weights' names have instead. */
const SCALES: readonly (readonly [ending: string, weights: string])[] = [
  ["_scale_inv", ""],
  [".weight_scale", ".weight"],
  [".qscale_weight", ".weight"],
  ["_proj_scale", "_proj"],
];

/** What no one needs without the activations of the original kernels. */
const UNUSED =
  /(\.|_)(activation_scale|input_scale|output_scale|k_scale|v_scale|q_scale|qscale_act|weight_zero_point)$/;

const IS_8_BIT = /^(F8_E4M3|F8_E5M2|I8)$/;

/** Takes the tensors that it puts together out of `entries`. */
export function readEightBits(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  settings: JsonObject,
): SourceTensor[] {
  const blockSize = blockSizeOf(settings);
  const tensors: SourceTensor[] = [];
  for (const [name, scales] of [...entries]) {
    const [ending, stem] = SCALES.find(([candidate]) => name.endsWith(candidate)) ?? [];
    if (ending === undefined) continue;
    const weightName = name.slice(0, -ending.length) + stem!;
    const weights = entries.get(weightName);
    if (weights === undefined || !IS_8_BIT.test(weights.dtype)) continue;
    refuseZeros(set, entries, weightName);
    tensors.push(scaledTensor(set, weightName, weights, scales, blockSize));
    entries.delete(name);
    entries.delete(weightName);
  }
  for (const name of [...entries.keys()]) if (UNUSED.test(name)) entries.delete(name);
  return tensors;
}

/** Rows and columns of a block, as DeepSeek's and compressed-tensors' settings state them. */
function blockSizeOf(settings: JsonObject): BlockSize {
  const groups = settings["config_groups"];
  const [first] = isJsonObject(groups) ? Object.values(groups) : [];
  const weights = isJsonObject(first) ? first["weights"] : undefined;
  const size = settings["weight_block_size"] ?? (isJsonObject(weights) ? weights["block_structure"] : undefined);
  const isPair = Array.isArray(size) && size.length === 2 && size.every((n) => Number.isInteger(n) && n > 0);
  return isPair ? (size as [number, number]) : undefined;
}

function refuseZeros(set: SafetensorsSet, entries: ReadonlyMap<string, PlacedEntry>, weightName: string): void {
  const zeros = entries.get(`${weightName}_zero_point`);
  if (zeros === undefined) return;
  const message = `${placeOf(set, zeros)}: 8-bit weights with zeros of their own are not read; give the original`;
  throw new QuantizeError("unsupported", message);
}
