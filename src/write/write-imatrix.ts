/**
 * Importance files as llama-imatrix writes them, byte for byte: GGUF (imatrix/gguf-imatrix.ts has the layout) or the
 * older format (imatrix/legacy-imatrix.ts).
 */
import { CHUNK_COUNT_KEY, CHUNK_SIZE_KEY, COUNTS, DATASETS_KEY, SUMS } from "../imatrix/gguf-imatrix.ts";
import type { ImatrixEntry } from "../imatrix/imatrix.types.ts";
import type { MergedContent } from "../imatrix/merge-imatrices.ts";
import { DEFAULT_ALIGNMENT, placeInDataSection } from "../read/gguf/gguf-types.ts";
import type { Metadata } from "../read/model.ts";
import type { TakenOutput } from "./atomic-output.ts";
import { ggufHeaderBytes } from "./gguf-header.ts";
import { writeParts } from "./write-all.ts";

const { fround } = Math;
const F32 = 0;

/** `gguf`, or the older `dat`. */
export type ImatrixFormat = "gguf" | "dat";

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** ggml does not write a last dimension of 1. */
const shapeOf = (columns: number, slices: number): number[] => (slices === 1 ? [columns] : [columns, slices]);

/** Parts of the file, one after the other. */
export function formatGgufImatrix({ entries, datasets, chunkCount, chunkSize }: MergedContent): Uint8Array[] {
  const metadata: Metadata = new Map([
    ["general.type", { type: "string", value: "imatrix" }],
    [DATASETS_KEY, { type: "array", elementType: "string", values: [...datasets] }],
    [CHUNK_COUNT_KEY, { type: "uint32", value: chunkCount }],
    [CHUNK_SIZE_KEY, { type: "uint32", value: chunkSize }],
  ]);
  const tensors = entries.flatMap(({ name, sums, counts }) => [
    { name: name + SUMS, shape: shapeOf(sums.length / counts.length, counts.length), bytes: bytesOf(sums) },
    { name: name + COUNTS, shape: shapeOf(1, counts.length), bytes: bytesOf(Float32Array.from(counts)) },
  ]);
  const lengths = tensors.map(({ bytes }) => bytes.length);
  const { offsets, byteLength } = placeInDataSection(lengths, DEFAULT_ALIGNMENT);
  const list = tensors.map(({ name, shape }, i) => ({ name, shape, ggmlType: F32, byteOffset: offsets[i]! }));
  const header = ggufHeaderBytes({ metadata, tensors: list, alignment: DEFAULT_ALIGNMENT });
  const padding = (i: number): Uint8Array => new Uint8Array((offsets[i + 1] ?? byteLength) - offsets[i]! - lengths[i]!);
  return [header, ...tensors.flatMap(({ bytes }, i) => [bytes, padding(i)])];
}

/** Means times calls; slices that nobody came to are ones. */
function legacyValues({ sums, counts }: ImatrixEntry, calls: number): Float32Array {
  const columns = sums.length / counts.length;
  return sums.map((sum, i) => {
    const count = counts[Math.floor(i / columns)]!;
    return fround((count === 0 ? 1 : fround(sum / fround(count))) * calls);
  });
}

/** Parts of the file, one after the other; entries without any token are left out. */
export function formatLegacyImatrix({ entries, datasets, chunkCount, chunkSize }: MergedContent): Uint8Array[] {
  const integer = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
  const text = (value: string): Uint8Array[] => {
    const bytes = new TextEncoder().encode(value);
    return [integer(bytes.length), bytes];
  };
  const stored = entries.filter(({ counts }) => counts.some((count) => count > 0));
  return [
    integer(stored.length),
    ...stored.flatMap((entry) => {
      const calls = Math.ceil(Math.max(...entry.counts) / chunkSize);
      const values = legacyValues(entry, calls);
      return [...text(entry.name), integer(calls), integer(values.length), bytesOf(values)];
    }),
    integer(chunkCount),
    ...text(datasets.at(-1) ?? ""),
  ];
}

/** Writes an importance file. @returns its size in bytes @throws QuantizeError as `output.write` */
export async function writeImatrix(
  output: TakenOutput,
  content: MergedContent,
  format: ImatrixFormat = "gguf",
): Promise<number> {
  const parts = format === "gguf" ? formatGgufImatrix(content) : formatLegacyImatrix(content);
  const byteLength = parts.reduce((sum, part) => sum + part.length, 0);
  await output.write({ byteLength, write: (path) => writeParts(path, parts) });
  return byteLength;
}
