/**
 * Weights in 4-bit floats, which ggml has as well: their blocks are moved, not computed anew. `mxfp4` of gpt-oss and of
 * compressed-tensors has an exponent for 32 weights; `nvfp4` of NVIDIA and of compressed-tensors an 8-bit float for 16,
 * and one scale for the tensor, which llama.cpp keeps as a tensor beside it.
 */
import { QuantizeError } from "../../../errors.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import { viewOf } from "../../view.ts";
import { extentOf, numbersOf, placeOf, type SourceTensor } from "../source-tensors.ts";

/** gpt-oss: `X_blocks` of [..., blocks, 16] and `X_scales`. The name of the blocks stays: floats would lie otherwise. */
export function readMxfp4Blocks(set: SafetensorsSet, entries: Map<string, PlacedEntry>): SourceTensor[] {
  return [...entries].flatMap(([name, blocks]) => {
    if (!name.endsWith("_blocks")) return [];
    const scaleName = `${name.slice(0, -"_blocks".length)}_scales`;
    const scales = entries.get(scaleName);
    if (scales === undefined) throw new QuantizeError("bad-format", `${placeOf(set, blocks)}: its scales are missing`);
    entries.delete(name);
    entries.delete(scaleName);
    return [mxfp4Tensor(set, name, blocks, scales, blocks.shape.slice(0, -1))];
  });
}

function mxfp4Tensor(
  set: SafetensorsSet,
  name: string,
  codes: PlacedEntry,
  scales: PlacedEntry,
  shape: readonly number[],
): SourceTensor {
  checkBytes(set, codes, scales, shape, 16, 1);
  const array = { kind: "mxfp4", codes: extentOf(codes), scales: extentOf(scales) } as const;
  return { name, codec: "mxfp4", array, view: viewOf(shape), place: placeOf(set, codes) };
}

/** A block has so many bytes of codes, and of scales. */
function checkBytes(
  set: SafetensorsSet,
  codes: PlacedEntry,
  scales: PlacedEntry,
  shape: readonly number[],
  codeBytes: number,
  scaleBytes: number,
): void {
  const blocks = shape.reduce((product, n) => product * n, 1);
  if (codes.byteLength === blocks * codeBytes && scales.byteLength === blocks * scaleBytes) return;
  const found = `[${scales.shape.join(", ")}] in ${placeOf(set, scales)}`;
  const expected = `expected scales for ${blocks} blocks of [${codes.shape.join(", ")}]`;
  throw new QuantizeError("bad-format", `${placeOf(set, codes)}: ${expected}, found ${found}`);
}

/** Names of the pieces, and whether the tensor's scales are stored as what to divide by. */
interface Pieces {
  readonly codes: string;
  readonly scale: string;
  readonly tensorScale: string;
  readonly inputScale: string;
  readonly isReciprocal: boolean;
}
const NVIDIA: Pieces = {
  ...{ codes: ".weight", scale: ".weight_scale", tensorScale: ".weight_scale_2", inputScale: ".input_scale" },
  isReciprocal: false,
};
const COMPRESSED: Pieces = {
  ...{ codes: ".weight_packed", scale: ".weight_scale", tensorScale: ".weight_global_scale" },
  ...{ inputScale: ".input_global_scale", isReciprocal: true },
};

/** Both forms, told apart by the names of their codes; compressed-tensors' mxfp4 by its scales without a fraction. */
export function readPackedFloats(set: SafetensorsSet, entries: Map<string, PlacedEntry>): SourceTensor[] {
  return [COMPRESSED, NVIDIA].flatMap((pieces) =>
    [...entries].flatMap(([name, codes]) => {
      if (!name.endsWith(pieces.codes) || codes.dtype !== "U8") return [];
      return readOne(set, entries, name.slice(0, -pieces.codes.length), codes, pieces);
    }),
  );
}

function readOne(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  stem: string,
  codes: PlacedEntry,
  { codes: ending, scale, tensorScale, inputScale, isReciprocal }: Pieces,
): SourceTensor[] {
  const scales = entries.get(stem + scale);
  if (scales === undefined) throw new QuantizeError("bad-format", `${placeOf(set, codes)}: its scales are missing`);
  const taken = [stem + ending, stem + scale, stem + tensorScale, stem + inputScale];
  const factors = [
    [entries.get(stem + tensorScale), `${stem}.scale`],
    [entries.get(stem + inputScale), `${stem}.input_scale`],
  ] as const;
  for (const name of taken) entries.delete(name);
  const outer = codes.shape.slice(0, -1);
  const columns = 2 * (codes.shape.at(-1) ?? 0);
  if (scales.dtype === "U8" || scales.dtype === "F8_E8M0") {
    return [mxfp4Tensor(set, `${stem}.weight`, codes, scales, [...outer, Math.floor(columns / 32)])];
  }
  const shape = [...outer, Math.floor(columns / 64)];
  checkBytes(set, codes, scales, shape, 32, 4);
  const array = { kind: "nvfp4", codes: extentOf(codes), scales: extentOf(scales) } as const;
  const tensor: SourceTensor = {
    ...{ name: `${stem}.weight`, codec: "nvfp4", array, view: viewOf(shape), place: placeOf(set, codes) },
  };
  return [tensor, ...factors.flatMap(([entry, name]) => factorTensor(set, entry, name, isReciprocal))];
}

/** A scale of the whole tensor. */
function factorTensor(
  set: SafetensorsSet,
  entry: PlacedEntry | undefined,
  name: string,
  isReciprocal: boolean,
): SourceTensor[] {
  if (entry === undefined) return [];
  const map = isReciprocal ? "reciprocal" : "none";
  const array = { kind: "mapped", numbers: numbersOf(set, entry), map } as const;
  return [{ name, codec: "f32", array, view: viewOf(entry.shape), place: placeOf(set, entry) }];
}
