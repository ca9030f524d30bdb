/** What differs between two model files: metadata, tensors, and how far their weights are apart. */
import { ROW_MULTIPLE } from "../../layouts/layout.ts";
import type { RunOptions } from "../engine/run-options.ts";
import { withEngine } from "../engine/start-engine.ts";
import { runComparison } from "./run-comparison.ts";
import { rowCount, type Metadata, type MetadataValue, type Model, type Tensor } from "../read/model.ts";
import { openModel } from "../open/open-model.ts";
import { closeModelFiles, openModelFiles, readTensorRows, storedBytes } from "../read/read-tensor.ts";
import { manifestOf, type Manifest } from "../container/manifest.ts";
import { isStorageKey } from "../container/manifest-keys.ts";

/** A tensor that is in both files. */
export interface TensorDifference {
  readonly name: string;
  readonly kind: "same" | "bytes" | "encoding" | "shape" | "only-a" | "only-b";
  /** `f16`, `q4_cb@4x8`; absent where the file lacks the tensor. */
  readonly a?: string;
  readonly b?: string;
  readonly shapeA?: readonly number[];
  readonly shapeB?: readonly number[];
  /** sum (a - b)^2 / sum a^2 over decoded weights, for tensors of equal shape whose bytes or encodings differ. */
  readonly nmse?: number;
  readonly cosine?: number;
}

export interface MetadataDifference {
  readonly key: string;
  readonly kind: "only-a" | "only-b" | "value";
}

/** How far the files differ in what they say of how they were made. */
export interface ManifestDifference {
  readonly kind: "only-a" | "only-b" | "value";
  /** Parts of the manifest that differ: `source`, `recipe`, ... */
  readonly parts: readonly string[];
}

export interface ModelDifference {
  readonly a: string;
  readonly b: string;
  readonly isSame: boolean;
  readonly metadata: readonly MetadataDifference[];
  /** Absent where both manifests are the same, or none has one. Says nothing of the models: `isSame` may be true. */
  readonly manifest?: ManifestDifference;
  /** In the order of `a`, then those that only `b` has. */
  readonly tensors: readonly TensorDifference[];
}

export interface DiffOptions extends RunOptions {
  readonly a: string;
  readonly b: string;
}

/** Stored bytes compared at a time: bounds memory whatever the tensor's size. */
const CHUNK_BYTES = 2 ** 22;

function sameValue(a: MetadataValue, b: MetadataValue): boolean {
  if (a.type !== "array" || b.type !== "array") {
    return a.type !== "array" && b.type !== "array" && a.type === b.type && Object.is(a.value, b.value);
  }
  if (a.elementType !== b.elementType || a.values.length !== b.values.length) return false;
  for (let i = 0; i < a.values.length; i++) if (!Object.is(a.values[i], b.values[i])) return false;
  return true;
}

/** Keys that describe our own storage (learned tables, manifest) are compared as tensors, not as metadata. */
function diffMetadata(a: Metadata, b: Metadata): MetadataDifference[] {
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => !isStorageKey(key));
  return keys.flatMap((key): MetadataDifference[] => {
    const [inA, inB] = [a.get(key), b.get(key)];
    if (inB === undefined) return [{ key, kind: "only-a" }];
    if (inA === undefined) return [{ key, kind: "only-b" }];
    return sameValue(inA, inB) ? [] : [{ key, kind: "value" }];
  });
}

async function diffManifests(a: Model, b: Model): Promise<ManifestDifference | undefined> {
  const [x, y] = [await manifestOf(a.metadata, a.path), await manifestOf(b.metadata, b.path)];
  if (x === undefined || y === undefined) {
    return x === y ? undefined : { kind: y === undefined ? "only-a" : "only-b", parts: [] };
  }
  const names = [...new Set([...Object.keys(x), ...Object.keys(y)])] as (keyof Manifest)[];
  const parts = names.filter((name) => JSON.stringify(x[name]) !== JSON.stringify(y[name]));
  return parts.length === 0 ? undefined : { kind: "value", parts };
}

const encodingOf = ({ codec, layout }: Tensor): string => (layout === "rows" ? codec : `${codec}@${layout}`);

function sameCodebooks(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.codebooks ?? [], b.codebooks ?? []];
  const sameNumbers = (one: ArrayLike<number>, other: ArrayLike<number>): boolean =>
    one.length === other.length && Array.from(one).every((value, i) => Object.is(value, other[i]));
  return (
    x.length === y.length &&
    x.every((book, i) => sameNumbers(book.tables, y[i]!.tables) && sameNumbers(book.levels, y[i]!.levels))
  );
}

interface Opened {
  readonly model: Model;
  readonly fds: readonly number[];
}

/** Whether two tensors of one encoding and shape hold the same bytes. */
function sameBytes(a: Opened, b: Opened, x: Tensor, y: Tensor): boolean {
  if (!sameCodebooks(x, y)) return false;
  const rows = rowCount(x.shape);
  const rowBytes = storedBytes(x) / rows;
  const step = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes / ROW_MULTIPLE)) * ROW_MULTIPLE;
  for (let start = 0; start < rows; start += step) {
    const end = Math.min(rows, start + step);
    const [left, right] = [Buffer.alloc((end - start) * rowBytes), Buffer.alloc((end - start) * rowBytes)];
    readTensorRows(a.model.files, a.fds, x, start, end, left);
    readTensorRows(b.model.files, b.fds, y, start, end, right);
    if (!left.equals(right)) return false;
  }
  return true;
}

function diffTensor(a: Opened, b: Opened, x: Tensor, y: Tensor | undefined): TensorDifference {
  const name = x.name;
  if (y === undefined) return { name, kind: "only-a", a: encodingOf(x), shapeA: x.shape };
  const both = { name, a: encodingOf(x), b: encodingOf(y), shapeA: x.shape, shapeB: y.shape };
  if (x.shape.join() !== y.shape.join()) return { ...both, kind: "shape" };
  if (both.a !== both.b) return { ...both, kind: "encoding" };
  return { ...both, kind: sameBytes(a, b, x, y) ? "same" : "bytes" };
}

/** The error between decoded weights, for tensors that can be compared but are not the same. */
async function withErrors(
  a: Model,
  b: Model,
  tensors: readonly TensorDifference[],
  options: RunOptions,
): Promise<readonly TensorDifference[]> {
  const names = new Set(tensors.filter(({ kind }) => kind === "bytes" || kind === "encoding").map(({ name }) => name));
  if (names.size === 0) return tensors;
  // Without metadata: manifests are not asked here whether the files are damaged.
  const part = (model: Model): Model => ({
    ...model,
    metadata: new Map(),
    tensors: model.tensors.filter(({ name }) => names.has(name)),
  });
  const comparison = { ...options, verify: "weights" } as const;
  const compared = await withEngine(options, (engine) => runComparison(part(b), part(a), comparison, engine));
  const byName = new Map(compared.tensors.map(({ name, quality }) => [name, quality]));
  return tensors.map((tensor) => {
    const quality = byName.get(tensor.name);
    return quality === undefined ? tensor : { ...tensor, nmse: quality.nmse, cosine: quality.cosine };
  });
}

/** Opens a model whose vocabulary need not be complete. */
function openForLooking(path: string): Promise<Model> {
  return openModel(path, { onUnknownCut: "note" });
}

/**
 * Compares two model files, quantized or not.
 * @throws QuantizeError when one cannot be opened or read
 */
export async function diffModels(options: DiffOptions): Promise<ModelDifference> {
  const [a, b] = await Promise.all([openForLooking(options.a), openForLooking(options.b)]);
  const [left, right]: [Opened, Opened] = [
    { model: a, fds: openModelFiles(a.files) },
    { model: b, fds: openModelFiles(b.files) },
  ];
  const others = new Map(b.tensors.map((tensor) => [tensor.name, tensor]));
  const names = new Set(a.tensors.map(({ name }) => name));
  try {
    const tensors: TensorDifference[] = [
      ...a.tensors.map((tensor) => diffTensor(left, right, tensor, others.get(tensor.name))),
      ...b.tensors
        .filter(({ name }) => !names.has(name))
        .map((tensor): TensorDifference => {
          return { name: tensor.name, kind: "only-b", b: encodingOf(tensor), shapeB: tensor.shape };
        }),
    ];
    const metadata = diffMetadata(a.metadata, b.metadata);
    const manifest = await diffManifests(a, b);
    const isSame = metadata.length === 0 && tensors.every(({ kind }) => kind === "same");
    return {
      ...{ a: options.a, b: options.b, isSame, metadata },
      ...(manifest && { manifest }),
      tensors: await withErrors(a, b, tensors, options),
    };
  } finally {
    closeModelFiles(left.fds);
    closeModelFiles(right.fds);
  }
}
