/**
 * The tensors of a safetensors checkpoint: one file, or the files that `model.safetensors.index.json` lists.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { withCursor } from "../input-file.ts";
import { isJsonObject, readJsonObject } from "../json-text.ts";
import type { Model, Tensor } from "../model.ts";
import { parseSafetensors, type SafetensorsEntry } from "./parse-safetensors.ts";
import { quote } from "../../text/quote.ts";

/** Codecs of the dtypes that can be converted; integers are copied. */
const DTYPE_CODECS: Readonly<Record<string, string>> = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  F8_E4M3: "f8_e4m3",
  F8_E5M2: "f8_e5m2",
  I8: "i8",
  I16: "i16",
  I32: "i32",
  I64: "i64",
};

/** A tensor with the file it lies in. */
export interface PlacedEntry extends SafetensorsEntry {
  readonly file: number;
}

/** One or more safetensors files that belong together. */
export interface SafetensorsSet {
  readonly files: Model["files"];
  readonly tensors: readonly PlacedEntry[];
  /** Free text of the first file. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Opens a single file. */
export function openSafetensorsFile(path: string): SafetensorsSet {
  return joinFiles([path]);
}

/** Opens files that belong together without an index that says so. @throws QuantizeError for a tensor in two of them */
export function openSafetensorsFiles(paths: readonly string[]): SafetensorsSet {
  return joinFiles(paths);
}

/**
 * Opens the files of an index, which must hold exactly the tensors that it lists.
 * @throws QuantizeError `io` naming the missing file, `bad-format` naming the tensor
 */
export function openSafetensorsIndex(indexPath: string): SafetensorsSet {
  const { weight_map: weightMap } = readJsonObject(indexPath);
  if (!isJsonObject(weightMap)) {
    throw new QuantizeError("bad-format", `${indexPath}: key "weight_map": expected an object`);
  }
  const places = Object.entries(weightMap).map(([name, file]): [string, string] => {
    // A file of the same folder: a path from elsewhere must not lead anywhere else.
    if (typeof file !== "string" || basename(file) !== file || file === "" || file === ".." || file.includes("\\")) {
      const found = JSON.stringify(file);
      throw new QuantizeError(
        "bad-format",
        `${indexPath}: tensor ${quote(name)}: expected a file name, found ${found}`,
      );
    }
    return [name, file];
  });
  const names = [...new Set(places.map(([, file]) => file))].sort();
  const paths = names.map((name, index) => {
    const path = join(dirname(indexPath), name);
    if (!existsSync(path)) {
      const message = `${indexPath}: file ${index + 1} of ${names.length} is missing: ${path}`;
      throw new QuantizeError("io", message);
    }
    return path;
  });
  const set = joinFiles(paths);
  checkPlaces(indexPath, new Map(places), names, set);
  return set;
}

function joinFiles(paths: readonly string[]): SafetensorsSet {
  const owner = new Map<string, string>();
  const opened = paths.map((path, file) =>
    withCursor(path, (cursor, opened) => {
      const { tensors, metadata } = parseSafetensors(cursor);
      for (const { name } of tensors) {
        const other = owner.get(name);
        if (other !== undefined) {
          throw new QuantizeError("bad-format", `${path}: tensor ${quote(name)} is also in ${other}`);
        }
        owner.set(name, path);
      }
      const placed = tensors.map((tensor) => ({ ...tensor, file }));
      return { opened: { ...opened, path: resolve(path) }, tensors: placed, metadata };
    }),
  );
  return {
    files: opened.map((each) => each.opened),
    tensors: opened.flatMap(({ tensors }) => tensors),
    metadata: opened[0]?.metadata ?? new Map(),
  };
}

function checkPlaces(
  indexPath: string,
  places: ReadonlyMap<string, string>,
  names: readonly string[],
  { tensors }: SafetensorsSet,
): void {
  for (const { name, file } of tensors) {
    const expected = places.get(name);
    if (expected !== names[file]) {
      const found = expected === undefined ? "no file" : expected;
      const message = `${indexPath}: tensor ${quote(name)}: expected ${names[file]} (where it is), found ${found}`;
      throw new QuantizeError("bad-format", message);
    }
  }
  if (tensors.length === places.size) return;
  const present = new Set(tensors.map(({ name }) => name));
  const [missing, file] = [...places].find(([name]) => !present.has(name))!;
  throw new QuantizeError("bad-format", `${indexPath}: tensor ${quote(missing)} is not in ${file}`);
}

function unsupported(set: SafetensorsSet, entry: PlacedEntry, what: string): QuantizeError {
  return new QuantizeError("unsupported", `${set.files[entry.file]!.path}: tensor ${quote(entry.name)}: ${what}`);
}

/** The codec of an entry's dtype. @throws QuantizeError `unsupported` for dtypes that cannot be converted */
export function codecOf(set: SafetensorsSet, entry: PlacedEntry): string {
  const codec = DTYPE_CODECS[entry.dtype];
  if (codec !== undefined) return codec;
  const known = Object.keys(DTYPE_CODECS).join(", ");
  throw unsupported(set, entry, `dtype ${entry.dtype} cannot be converted, only ${known}`);
}

/**
 * The tensor as the rest of the program sees it: shape innermost first, a codec for its dtype.
 * @throws QuantizeError `unsupported` for dtypes and shapes that a GGUF file cannot hold
 */
export function toTensor(set: SafetensorsSet, entry: PlacedEntry, name: string): Tensor {
  const { shape, file, byteOffset, byteLength } = entry;
  const fail = (what: string) => unsupported(set, entry, what);
  const codec = codecOf(set, entry);
  if (shape.includes(0)) throw fail(`it is empty: shape [${shape.join(", ")}]`);
  if (shape.length > 4) throw fail(`${shape.length} dimensions, GGUF has at most 4`);
  return {
    name,
    shape: shape.length === 0 ? [1] : shape.toReversed(),
    codec,
    layout: "rows",
    extents: [{ file, byteOffset, byteLength }],
  };
}
