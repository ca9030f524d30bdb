/**
 * A GGUF checkpoint as a model: one file, or the files of a split set.
 *
 * Sets are named `<base>-00001-of-00005.gguf` and numbered again inside (`split.no`, from 0); the first carries the
 * model's metadata, and `split.tensors.count` says how many tensors all of them hold. Opening any opens all.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { withCursor } from "../input-file.ts";
import type { Metadata, Model, Tensor } from "../model.ts";
import { quote } from "../../text/quote.ts";
import { parseGguf, type GgufHeaderContent } from "./parse-gguf.ts";

const SHARD_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** Keys that say how a model was cut into files, not what it is: a model in memory does not have them. */
const SPLIT_KEYS = ["split.no", "split.count", "split.tensors.count"] as const;

/**
 * Opens a GGUF file and, if it belongs to a split set, all the others of the set.
 * Tensors are as stored: packed and codebook tensors still in their carriers.
 * @throws QuantizeError `bad-format` or `io`, naming the file
 */
export function openGguf(path: string): Model {
  const first = readHeader(path);
  const shardCount = integerOf(path, first.metadata, "split.count") ?? 1;
  const paths = shardCount > 1 ? shardPaths(path, shardCount) : [path];
  return modelOf(
    path,
    paths.map((shardPath) => (basename(shardPath) === basename(path) ? first : readHeader(shardPath))),
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
    files: shards.map((shard) => ({ path: resolve(shard.path), byteLength: shard.byteLength })),
    metadata: withoutSplitKeys(shards[0]!.metadata),
    tensors: joinTensors(shards),
  };
}

interface Shard extends GgufHeaderContent {
  readonly path: string;
  readonly byteLength: number;
}

function readHeader(path: string): Shard {
  return withCursor(path, (cursor) => ({ path, byteLength: cursor.byteLength, ...parseGguf(cursor) }));
}

function shardPaths(path: string, shardCount: number): string[] {
  const match = SHARD_NAME.exec(basename(path));
  if (match === null || Number(match[3]) !== shardCount) {
    const expected = `a name like model-00001-of-${String(shardCount).padStart(5, "0")}.gguf`;
    throw new QuantizeError("bad-format", `${path}: one of ${shardCount} files of a set, expected ${expected}`);
  }
  return Array.from({ length: shardCount }, (_, index) => {
    const name = `${match[1]}-${String(index + 1).padStart(5, "0")}-of-${match[3]}.gguf`;
    const shardPath = join(dirname(path), name);
    if (!existsSync(shardPath)) {
      throw new QuantizeError("io", `${path}: file ${index + 1} of ${shardCount} of the set is missing: ${shardPath}`);
    }
    return shardPath;
  });
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
