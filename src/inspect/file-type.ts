/**
 * `general.file_type`, the one number by which programs label a GGUF file (llama.cpp's `llama_ftype`), set beside
 * what the bytes say: the label names a mix or a majority, and mixed files are often mislabelled from it.
 */
import { allFormats } from "../../codecs/registry.ts";
import { MIXES, READ_ONLY_MIXES } from "../plan/recipes/mixes.ts";
import type { Metadata } from "../read/model.ts";

/** Bit that marks a value which a loader guessed. */
const GUESSED_BIT = 1024;

/** Number and name of what has a number. */
function labels(things: readonly { readonly name: string; readonly fileType?: number }[]): [number, string][] {
  return things.flatMap(({ name, fileType }) => (fileType === undefined ? [] : [[fileType, name.toUpperCase()]]));
}

/** Names by number: types, mixes that we write, mixes that we only read, and those that were withdrawn. */
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  ...labels(allFormats()),
  ...labels(MIXES),
  ...labels(Object.entries(READ_ONLY_MIXES).map(([name, fileType]) => ({ name, fileType }))),
  [33, "Q4_0_4_4"],
  [34, "Q4_0_4_8"],
  [35, "Q4_0_8_8"],
]);

export interface FileTypeNote {
  readonly value: number;
  /** llama.cpp's name of the number, or `unknown`. */
  readonly name: string;
  /** True when the format that the name begins with holds less than half of the tensor bytes. */
  readonly isMisleading: boolean;
}

/** The file's own label, and whether the bytes bear it out. Undefined when the file has none. */
export function describeFileType(
  metadata: Metadata,
  encodings: readonly { codec: string; share: number }[],
): FileTypeNote | undefined {
  const entry = metadata.get("general.file_type");
  if (entry === undefined || entry.type === "array" || typeof entry.value !== "number") return undefined;
  const name = FILE_TYPES.get(entry.value & ~GUESSED_BIT) ?? "unknown";
  // Q4_K_M names the mix around q4_K: the codec is the name up to the size letter.
  const label = name.toLowerCase();
  const codec = label.replace(/_(xxs|xs|s|m|l|moe)$/, "");
  const share = encodings
    .filter((encoding) => [label, codec].includes(encoding.codec.toLowerCase()))
    .reduce((sum, encoding) => sum + encoding.share, 0);
  return { value: entry.value, name, isMisleading: share < 0.5 };
}
