/**
 * Every block format the project knows, one line each. Names are looked up in any letter case.
 */
import type { BlockFormat, Codec, CodebookFormat, Codebook } from "./codec.ts";

const FORMATS: readonly (Codec | CodebookFormat)[] = [];

const byName = new Map(FORMATS.map((format) => [format.name.toLowerCase(), format]));
const byGgmlType = new Map(FORMATS.filter((f) => f.ggmlType !== undefined).map((f) => [f.ggmlType!, f as Codec]));

/** All formats, in the order in which they are listed to people. */
export function allFormats(): readonly (Codec | CodebookFormat)[] {
  return FORMATS;
}

/** The format of that name in any letter case, or undefined. */
export function findFormat(name: string): Codec | CodebookFormat | undefined {
  return byName.get(name.toLowerCase());
}

/** The stock codec with that `ggml_type` number, or undefined. */
export function findGgmlType(type: number): Codec | undefined {
  return byGgmlType.get(type);
}

/** True for formats that need learned tables before they can encode or decode. */
export function isCodebookFormat(format: BlockFormat): format is CodebookFormat {
  return format.kind === "codebook";
}

/**
 * The codec of that name, ready to use.
 * @param codebook the learned tables, required for codebook formats and ignored otherwise
 * @throws RangeError for an unknown name, or a codebook format without its codebook
 */
export function resolveCodec(name: string, codebook?: Codebook): Codec {
  const format = findFormat(name);
  if (format === undefined) throw new RangeError(`unknown codec "${name}"`);
  if (!isCodebookFormat(format)) return format as Codec;
  if (codebook === undefined) throw new RangeError(`codec "${format.name}" needs its codebook`);
  return format.bind(codebook);
}
