/**
 * Outputs of several files, by llama.cpp's rules: `<base>-00001-of-00005.gguf`, numbered again inside; the first file
 * carries the model's metadata, the others only what places them in the set.
 */
import { QuantizeError } from "../errors.ts";
import { DEFAULT_ALIGNMENT, padTo } from "../read/gguf/gguf-types.ts";
import type { Metadata, Tensor } from "../read/model.ts";
import type { PlanOptions } from "./plan.ts";

/** Five digits in a file's name, 16 bits in its header. */
const MAX_FILES = 65535;

/** Tensors in the order in which the input's files hold them. A new array. */
export function inStoredOrder(tensors: readonly Tensor[]): Tensor[] {
  const place = ({ extents }: Tensor): readonly [number, number] => [extents[0]!.file, extents[0]!.byteOffset];
  return tensors.toSorted((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
}

/** A tensor to be placed. */
interface Sized {
  readonly tensor: Tensor;
  readonly byteLength: number;
}

/** As in the input, without numbers for files that hold nothing. */
function filesOfInput(tensors: readonly Sized[]): number[] {
  const numbers = new Map<number, number>();
  return tensors.map(({ tensor }) => {
    const file = tensor.extents[0]!.file;
    if (!numbers.has(file)) numbers.set(file, numbers.size);
    return numbers.get(file)!;
  });
}

/** Filled one after the other; a tensor that is larger than a file may be has one for itself. */
function filesBySize(tensors: readonly Sized[], alignment: number, maxBytes: number): number[] {
  let file = 0;
  let used = 0;
  return tensors.map(({ byteLength }) => {
    const bytes = padTo(byteLength, alignment);
    if (used > 0 && used + bytes > maxBytes) {
      file += 1;
      used = 0;
    }
    used += bytes;
    return file;
  });
}

/**
 * The file of each tensor, from 0 and in order.
 * @throws QuantizeError `usage` when both ways to split are asked for, or more files than names allow
 */
export function outputFiles(
  tensors: readonly Sized[],
  alignment: number,
  { keepSplit, splitMaxBytes }: Pick<PlanOptions, "keepSplit" | "splitMaxBytes">,
): number[] {
  if (keepSplit && splitMaxBytes !== undefined)
    throw new QuantizeError("usage", "keep the input's split, or give a size to split at: not both");
  if (splitMaxBytes !== undefined && !(splitMaxBytes >= 1))
    throw new QuantizeError("usage", `size to split at: expected at least 1 byte, found ${splitMaxBytes}`);
  const files = keepSplit
    ? filesOfInput(tensors)
    : splitMaxBytes === undefined
      ? tensors.map(() => 0)
      : filesBySize(tensors, alignment, splitMaxBytes);
  const count = (files.at(-1) ?? 0) + 1;
  if (count > MAX_FILES)
    throw new QuantizeError("usage", `${count} files of ${splitMaxBytes} bytes: at most ${MAX_FILES}`);
  return files;
}

/**
 * Names of the output's files.
 * @param path as given; with several files its `.gguf` makes way for the numbers
 */
export function outputPaths(path: string, fileCount: number): string[] {
  if (fileCount === 1) return [path];
  const base = path.replace(/\.gguf$/i, "");
  const digits = (n: number) => String(n).padStart(5, "0");
  return Array.from({ length: fileCount }, (_, i) => `${base}-${digits(i + 1)}-of-${digits(fileCount)}.gguf`);
}

/**
 * Metadata of one of the output's files.
 * @param metadata of the whole model
 */
export function fileMetadata(
  {
    metadata,
    alignment,
    fileCount,
    tensors,
  }: { metadata: Metadata; alignment: number; fileCount: number; tensors: readonly unknown[] },
  file: number,
): Metadata {
  if (fileCount === 1) return metadata;
  const result: Metadata = new Map(file === 0 ? metadata : []);
  // Every file states its own alignment, where it is not the usual one.
  if (alignment !== DEFAULT_ALIGNMENT) result.set("general.alignment", { type: "uint32", value: alignment });
  result.set("split.no", { type: "uint16", value: file });
  result.set("split.count", { type: "uint16", value: fileCount });
  result.set("split.tensors.count", { type: "int32", value: tensors.length });
  return result;
}
