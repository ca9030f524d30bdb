/** Weights as integers of a few bits in 32-bit words: GPTQ, AWQ, and the `pack-quantized` form of compressed-tensors. */
import { QuantizeError } from "../../../errors.ts";
import { isJsonObject } from "../../json-text.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import type { PackedArray } from "../../stored-array.types.ts";
import { orderAxes, viewOf } from "../../view.ts";
import { extentOf, numbersOf, placeOf, type SourceTensor } from "../source-tensors.ts";
import { readEntry } from "./read-entry.ts";
import { settingOf, type Quantization } from "./quantization.ts";

/** Fields of an AWQ word by the column they hold: even columns come first. */
const AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7];

/** Everything a reader of one tensor needs. */
interface Context {
  readonly set: SafetensorsSet;
  readonly entries: Map<string, PlacedEntry>;
}

/** Takes a piece out; its absence is an error. */
function take({ set, entries }: Context, name: string, beside: PlacedEntry): PlacedEntry {
  const entry = entries.get(name);
  if (entry === undefined) throw new QuantizeError("bad-format", `${placeOf(set, beside)}: ${name} is missing`);
  entries.delete(name);
  return entry;
}

/** @throws QuantizeError `bad-format` for a piece of another shape */
function checkShape({ set }: Context, entry: PlacedEntry, expected: readonly number[]): void {
  if (entry.shape.join() === expected.join()) return;
  const found = `[${entry.shape.join(", ")}]`;
  throw new QuantizeError("bad-format", `${placeOf(set, entry)}: expected [${expected.join(", ")}], found ${found}`);
}

/** The group of each input, which must be one that is there. */
function checkIndex(context: Context, index: PlacedEntry | undefined, inputs: number, groups: number): void {
  if (index === undefined) return;
  checkShape(context, index, [inputs]);
  const place = placeOf(context.set, index);
  if (index.dtype !== "I32") throw new QuantizeError("bad-format", `${place}: expected I32, found ${index.dtype}`);
  const values = new Int32Array(readEntry(context.set, index).buffer);
  const wrong = values.find((group) => group < 0 || group >= groups);
  if (wrong === undefined) return;
  throw new QuantizeError("bad-format", `${place}: expected groups from 0 to ${groups - 1}, found ${wrong}`);
}

/** Bits that divide a word. */
function bitsOf(quantization: Quantization, value: number): number {
  if ([2, 4, 8].includes(value)) return value;
  throw new QuantizeError("unsupported", `${quantization.where}: ${value} bits are not read, only 2, 4, 8`);
}

/**
 * GPTQ and AWQ: inputs by outputs, groups of inputs with a scale and a zero for each output; arrives transposed. GPTQ
 * packs along inputs, and its first version stores zeros minus one; AWQ packs along outputs in an order of its own.
 */
export function readInputMajor(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  quantization: Quantization,
): SourceTensor[] {
  const context = { set, entries };
  const isGptq = quantization.method === "gptq";
  const bits = bitsOf(quantization, settingOf(quantization, "bits", "w_bit"));
  const stated = settingOf(quantization, "group_size", "q_group_size");
  const zero = isGptq && (quantization.settings["checkpoint_format"] ?? "gptq") === "gptq" ? 1 : 0;
  const perWord = 32 / bits;
  return [...entries].flatMap(([name, codes]) => {
    if (!name.endsWith(".qweight")) return [];
    const stem = name.slice(0, -".qweight".length);
    entries.delete(name);
    const [first = 0, second = 0] = codes.shape;
    const [rows, columns] = isGptq ? [first * perWord, second] : [first, second * perWord];
    const groupSize = stated < 0 ? rows : stated;
    const groups = Math.ceil(rows / groupSize);
    const scales = take(context, `${stem}.scales`, codes);
    const zeros = take(context, `${stem}.qzeros`, codes);
    checkShape(context, scales, [groups, columns]);
    checkShape(context, zeros, [groups, columns / perWord]);
    const index = entries.get(`${stem}.g_idx`);
    entries.delete(`${stem}.g_idx`);
    checkIndex(context, index, rows, groups);
    const order = isGptq ? {} : { order: AWQ_ORDER };
    const array: PackedArray = {
      ...{ kind: "packed", bits, rows, columns, groupsAlong: "rows", groupSize, zero },
      codes: { extent: extentOf(codes), along: isGptq ? "rows" : "columns", wordsPerRow: second, ...order },
      scales: numbersOf(set, scales),
      zeros: { extent: extentOf(zeros), along: "columns", wordsPerRow: columns / perWord, ...order },
      ...(index === undefined ? {} : { groupIndex: extentOf(index) }),
    };
    const view = orderAxes(viewOf([rows, columns]), [1, 0]);
    return [{ name: `${stem}.weight`, codec: "f32", array, view, place: placeOf(set, codes) }];
  });
}

/** compressed-tensors: outputs by inputs, packed along inputs; zeros, where there are any, along outputs. */
export function readPackQuantized(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  quantization: Quantization,
): SourceTensor[] {
  const context = { set, entries };
  const bits = bitsOf(quantization, packedBits(quantization));
  const perWord = 32 / bits;
  return [...entries].flatMap(([name, codes]) => {
    if (!name.endsWith("_packed") || codes.dtype !== "I32") return [];
    const stem = name.slice(0, -"_packed".length);
    entries.delete(name);
    entries.delete(`${stem}_shape`);
    const [rows = 0, words = 0] = codes.shape;
    const scales = take(context, `${stem}_scale`, codes);
    const groups = scales.shape[1] ?? 1;
    const columns = words * perWord;
    checkShape(context, scales, scales.shape.length === 1 ? [rows] : [rows, groups]);
    const zeros = entries.get(`${stem}_zero_point`);
    const index = entries.get(`${stem}_g_idx`);
    for (const ending of ["_zero_point", "_g_idx"]) entries.delete(stem + ending);
    if (zeros !== undefined) checkShape(context, zeros, [Math.ceil(rows / perWord), groups]);
    checkIndex(context, index, columns, groups);
    const array: PackedArray = {
      ...{ kind: "packed", bits, rows, columns, groupsAlong: "columns", groupSize: Math.ceil(columns / groups) },
      codes: { extent: extentOf(codes), along: "columns", wordsPerRow: words },
      scales: numbersOf(set, scales),
      ...(zeros === undefined
        ? { zero: 2 ** (bits - 1) }
        : { zero: 0, zeros: { extent: extentOf(zeros), along: "rows" as const, wordsPerRow: groups } }),
      ...(index === undefined ? {} : { groupIndex: extentOf(index) }),
    };
    return [{ name: stem, codec: "f32", array, view: viewOf([rows, columns]), place: placeOf(set, codes) }];
  });
}

/** The bits of the packed weights, which must be the same in all groups of layers. */
function packedBits({ settings, where }: Quantization): number {
  const groups = isJsonObject(settings["config_groups"]) ? Object.values(settings["config_groups"]) : [];
  const bits = new Set(
    groups.flatMap((group) => {
      const weights = isJsonObject(group) ? group["weights"] : undefined;
      return isJsonObject(weights) && (weights["type"] ?? "int") === "int" ? [weights["num_bits"]] : [];
    }),
  );
  const [value] = bits;
  if (bits.size === 1 && typeof value === "number") return value;
  const found = [...bits].join(", ") || "none";
  throw new QuantizeError(
    "unsupported",
    `${where}: key "num_bits": expected one number for all groups, found ${found}`,
  );
}
