/**
 * A GGUF checkpoint as a model: one file, or the files of a split set.
 *
 * Sets are named `<base>-00001-of-00005.gguf` and numbered again inside (`split.no`, from 0); the first carries the
 * model's metadata, and `split.tensors.count` says how many tensors all of them hold. Opening any opens all.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { withCursor, type InputFile } from "../input-file.ts";
import type { Metadata, Model, Tensor } from "../model.ts";
import { currentPaths } from "../replacement-record.ts";
import { quote } from "../../text/quote.ts";
import { parseGguf, type GgufHeaderContent } from "./parse-gguf.ts";

const SHARD_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** Keys that say how a model was cut into files, not what it is: a model in memory does not have them. */
const SPLIT_KEYS = ["split.no", "split.count", "split.tensors.count"] as const;

/**
 * The identity of a set, in every file of it: hashes of plan and source, where we wrote it. Files of two conversions may
 * have the same names, shapes and sizes, and would make a model of noise.
 */
export const SET_KEY = "quantize.set";

/**
 * Opens a GGUF file and, if it belongs to a split set, all the others of the set.
 * Tensors are as stored: packed and codebook tensors still in their carriers.
 * @throws QuantizeError `bad-format` or `io`, naming the file
 */
export function openGguf(path: string): Model {
  const { index, paths } = namesOfSet(path);
  const places = paths.length > 1 ? currentPaths(paths) : paths;
  const named = readHeader(places[index]!);
  const count = integerOf(path, named.metadata, "split.count");
  if (count === undefined || (count === 1 && paths.length === 1)) return modelOf(path, [named]);
  if (count !== paths.length) {
    const expected = paths.length > 1 ? `${paths.length}, as its name says` : `a name like ${nameOfSet(count)}`;
    throw new QuantizeError("bad-format", `${path}: key "split.count": expected ${expected}, found ${count}`);
  }
  const missing = places.findIndex((place) => !existsSync(place));
  if (missing >= 0) {
    const which = `file ${missing + 1} of ${count} of the set is missing: ${places[missing]}`;
    throw new QuantizeError("io", `${path}: ${which}`);
  }
  return modelOf(
    path,
    places.map((place, i) => (i === index ? named : readHeader(place))),
  );
}

/**
 * Opens files that make up one checkpoint, whatever they are called.
 * @param path what the model is called
 * @param files in the order of the set
 * @throws QuantizeError as `openGguf`
 */
export function openGgufFiles(path: string, files: readonly string[]): Model {
  return modelOf(path, files.map(readHeader));
}

function modelOf(path: string, shards: readonly Shard[]): Model {
  if (shards.length > 1) checkShards(shards);
  return {
    path,
    format: "gguf",
    files: shards.map(({ path: file, byteLength, state }) => ({
      path: resolve(file),
      byteLength,
      ...(state && { state }),
    })),
    metadata: withoutSplitKeys(shards[0]!.metadata),
    tensors: joinTensors(shards),
  };
}

interface Shard extends GgufHeaderContent, InputFile {}

function readHeader(path: string): Shard {
  return withCursor(path, (cursor, file) => ({ ...file, ...parseGguf(cursor) }));
}

/** What a file of a set of so many would be called. */
const nameOfSet = (count: number): string => `model-00001-of-${String(count).padStart(5, "0")}.gguf`;

/** The names of the set that a file belongs to by its own name, and which of them it is; itself, where that says nothing. */
function namesOfSet(path: string): { readonly index: number; readonly paths: readonly string[] } {
  const [, base, number, count] = SHARD_NAME.exec(basename(path)) ?? [];
  const [index, length] = [Number(number) - 1, Number(count)];
  if (base === undefined || count === undefined || !(index >= 0 && index < length)) return { index: 0, paths: [path] };
  const paths = Array.from({ length }, (_, i) => {
    if (i === index) return path;
    return join(dirname(path), `${base}-${String(i + 1).padStart(5, "0")}-of-${count}.gguf`);
  });
  return { index, paths };
}

function checkShards(shards: readonly Shard[]): void {
  for (const [index, { path, metadata }] of shards.entries()) {
    const number = integerOf(path, metadata, "split.no");
    if (number !== index) {
      throw new QuantizeError("bad-format", `${path}: key "split.no": expected ${index}, found ${number ?? "none"}`);
    }
    const count = integerOf(path, metadata, "split.count");
    if (count !== shards.length) {
      const message = `${path}: key "split.count": expected ${shards.length}, found ${count ?? "none"}`;
      throw new QuantizeError("bad-format", message);
    }
  }
  checkIdentity(shards);
  const { path, metadata } = shards[0]!;
  const expected = integerOf(path, metadata, "split.tensors.count");
  const found = shards.reduce((sum, shard) => sum + shard.tensors.length, 0);
  if (expected !== undefined && expected !== found) {
    throw new QuantizeError(
      "bad-format",
      `${path}: key "split.tensors.count" says ${expected} tensors, the ${shards.length} files hold ${found}`,
    );
  }
}

/** All files of one set come from one conversion, as far as it says which. */
function checkIdentity(shards: readonly Shard[]): void {
  const identities = shards.map(({ path, metadata }) => {
    const value = metadata.get(SET_KEY);
    if (value === undefined || value.type === "string") return value?.value as string | undefined;
    throw new QuantizeError("bad-format", `${path}: key "${SET_KEY}": expected a string, found ${value.type}`);
  });
  const [expected, ...others] = identities;
  // llama-quantize and llama-gguf-split keep what the first file says, and write others anew.
  if (others.every((identity) => identity === undefined)) return;
  const other = identities.findIndex((identity) => identity !== expected);
  if (other < 0) return;
  const [first, stranger] = [shards[0]!.path, shards[other]!.path];
  const found = `expected ${quote(expected ?? "none")} as in ${first}, found ${quote(identities[other] ?? "none")}`;
  throw new QuantizeError(
    "bad-format",
    `${stranger}: key "${SET_KEY}": ${found}: the files come from different conversions`,
  );
}

function joinTensors(shards: readonly Shard[]): Tensor[] {
  const owner = new Map<string, string>();
  return shards.flatMap((shard, file) =>
    shard.tensors.map(({ name, shape, type, byteOffset, byteLength }) => {
      const other = owner.get(name);
      if (other !== undefined) {
        throw new QuantizeError("bad-format", `${shard.path}: tensor ${quote(name)} is also in ${other}`);
      }
      owner.set(name, shard.path);
      return { name, shape, codec: type.codec, layout: type.layout, extents: [{ file, byteOffset, byteLength }] };
    }),
  );
}

/** A whole number under that key, of whatever integer type: writers differ. */
function integerOf(path: string, metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type === "array" || value.type === "string" || value.type === "bool" || value.type.startsWith("float")) {
    throw new QuantizeError("bad-format", `${path}: key ${quote(key)}: expected an integer, found type ${value.type}`);
  }
  return Number(value.value);
}

function withoutSplitKeys(metadata: Metadata): Metadata {
  const rest = new Map(metadata);
  for (const key of SPLIT_KEYS) rest.delete(key);
  return rest;
}
