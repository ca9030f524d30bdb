/** Weights of bitsandbytes: 4-bit codes of a table with scales that may be codes themselves, or 8-bit integers. */
import { QuantizeError } from "../../../errors.ts";
import { parseJsonObject } from "../../json-text.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import type { TableArray } from "../../stored-array.types.ts";
import { viewOf } from "../../view.ts";
import { extentOf, numbersOf, placeOf, type SourceTensor } from "../source-tensors.ts";
import { readEntry } from "./read-entry.ts";
import { scaledTensor } from "./scaled-tensor.ts";

const STATE = /\.quant_state\.bitsandbytes__(nf4|fp4)$/;

/** Takes the tensors that it puts together out of `entries`. */
export function readBitsAndBytes(set: SafetensorsSet, entries: Map<string, PlacedEntry>): SourceTensor[] {
  const tensors: SourceTensor[] = [];
  for (const [name, entry] of [...entries]) {
    if (STATE.test(name)) tensors.push(readTableTensor(set, entries, name.replace(STATE, ""), entry, name));
    if (name.endsWith(".SCB")) tensors.push(readIntegers(set, entries, name.slice(0, -".SCB".length), entry));
  }
  return tensors;
}

/** 8 bits: a row's largest magnitude stands for 127. */
function readIntegers(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  stem: string,
  scales: PlacedEntry,
): SourceTensor {
  const weights = take(set, entries, `${stem}.weight`, scales);
  for (const ending of [".SCB", ".weight_format"]) entries.delete(stem + ending);
  return scaledTensor(set, `${stem}.weight`, weights, scales, undefined, Math.fround(1 / 127));
}

function take(set: SafetensorsSet, entries: Map<string, PlacedEntry>, name: string, beside: PlacedEntry): PlacedEntry {
  const entry = entries.get(name);
  if (entry === undefined) throw new QuantizeError("bad-format", `${placeOf(set, beside)}: ${name} is missing`);
  entries.delete(name);
  return entry;
}

function readTableTensor(
  set: SafetensorsSet,
  entries: Map<string, PlacedEntry>,
  name: string,
  stateEntry: PlacedEntry,
  stateName: string,
): SourceTensor {
  const place = placeOf(set, stateEntry);
  const state = parseJsonObject(readEntry(set, stateEntry), place);
  const { shape, blocksize, nested_blocksize: outerSize, nested_offset: offset } = state;
  if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n > 0) || !isCount(blocksize)) {
    throw new QuantizeError("bad-format", `${place}: expected a shape and a block size`);
  }
  const codes = take(set, entries, name, stateEntry);
  const scales = take(set, entries, `${name}.absmax`, stateEntry);
  const table = take(set, entries, `${name}.quant_map`, stateEntry);
  entries.delete(stateName);
  const count = (shape as number[]).reduce((product, n) => product * n, 1);
  const blocks = Math.ceil(count / blocksize);
  if (codes.byteLength !== Math.ceil(count / 2) || scales.shape[0] !== blocks || table.shape[0] !== 16) {
    throw new QuantizeError(
      "bad-format",
      `${place}: codes, scales or table do not fit the shape [${shape.join(", ")}]`,
    );
  }
  const array: TableArray = {
    ...{ kind: "table", codes: extentOf(codes), table: numbersOf(set, table), blockSize: blocksize },
    scales: scales.dtype === "U8" ? { extent: extentOf(scales), codec: "i8" } : numbersOf(set, scales),
  };
  if (scales.dtype !== "U8") return { name, codec: "f32", array, view: viewOf(shape as number[]), place };
  const outer = take(set, entries, `${name}.nested_absmax`, stateEntry);
  const outerTable = take(set, entries, `${name}.nested_quant_map`, stateEntry);
  if (!isCount(outerSize) || outer.shape[0] !== Math.ceil(blocks / outerSize) || outerTable.shape[0] !== 256) {
    throw new QuantizeError("bad-format", `${place}: its scales' own scales do not fit`);
  }
  const scaleTable = {
    ...{ table: numbersOf(set, outerTable), scales: numbersOf(set, outer), blockSize: outerSize },
    offset: Math.fround(typeof offset === "number" ? offset : 0),
  };
  return { name, codec: "f32", array: { ...array, scaleTable }, view: viewOf(shape as number[]), place };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
