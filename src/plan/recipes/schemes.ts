/**
 * The names people type. A name that llama-quantize knows means what it means there: a mix, in which some tensors get
 * more bits than the name says. Every other type's name means that type for every tensor that may be quantized.
 */
import { bitsPerWeight } from "../../../codecs/codec.ts";
import { allFormats, findFormat, isCodebookFormat, isWritableFormat } from "../../../codecs/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { unknownName } from "../../text/nearest-name.ts";
import { MIX_ALIASES, MIXES, READ_ONLY_MIXES } from "./mixes.ts";
import type { Recipe } from "./recipe.types.ts";

/** True when weights can be written in the type of that name. */
export function isWritable(codec: string): boolean {
  const format = findFormat(codec);
  return format !== undefined && isWritableFormat(format);
}

/** Every type of the mix can be written. */
function isComplete(recipe: Recipe): boolean {
  return [recipe.type, ...recipe.rules.map((rule) => rule.type ?? recipe.type)].every(isWritable);
}

/** The recipe that gives one type to everything. */
export function plainRecipe(codec: string): Recipe {
  const fileType = findFormat(codec)?.fileType ?? MIXES.find((mix) => mix.type === codec)?.fileType;
  return { name: codec.toLowerCase(), type: codec, rules: [], ...(fileType === undefined ? {} : { fileType }) };
}

/** Everything stays as it is stored: for a new layout, new metadata, or another split. */
export const COPY: Recipe = { name: "copy", type: "keep", rules: [] };

/** One line of `quantize schemes`. */
export interface Scheme {
  readonly name: string;
  readonly kind: "codebook" | "mix" | "type" | "float";
  /** The type of most tensors. */
  readonly type: string;
  /** Of that type, without tables. */
  readonly bitsPerWeight: number;
  readonly recipe: Recipe;
}

/** All schemes: ours first, then llama.cpp's mixes, then single types and floats. */
export function allSchemes(): readonly Scheme[] {
  const scheme = (recipe: Recipe, kind: Scheme["kind"]): Scheme => {
    const bits = bitsPerWeight(findFormat(recipe.type)!);
    return { name: recipe.name, kind, type: recipe.type, bitsPerWeight: bits, recipe };
  };
  const mixes = MIXES.filter(isComplete);
  const plain = allFormats().filter(isWritableFormat);
  const single = plain.filter((format) => !mixes.some((mix) => mix.name === format.name.toLowerCase()));
  return [
    ...plain.filter(isCodebookFormat).map((format) => scheme(plainRecipe(format.name), "codebook")),
    ...mixes.map((recipe) => scheme(recipe, "mix")),
    ...single
      .filter((format) => format.kind === "uniform" && MIX_ALIASES[format.name.toLowerCase()] === undefined)
      .map((format) => scheme(plainRecipe(format.name), "type")),
    ...plain.filter((format) => format.kind === "float").map((format) => scheme(plainRecipe(format.name), "float")),
  ];
}

/**
 * The recipe of a scheme's name, in any letter case.
 * @throws QuantizeError `unknown-name` with the nearest name, `unsupported` for mixes of types that are only read
 */
export function findScheme(name: string): Recipe {
  const key = name.trim().toLowerCase();
  if (key === COPY.name) return COPY;
  const schemes = allSchemes();
  const wanted = MIX_ALIASES[key] ?? key;
  const found = schemes.find((scheme) => scheme.name === wanted);
  if (found !== undefined) return found.recipe;
  if (Object.hasOwn(READ_ONLY_MIXES, key))
    throw new QuantizeError(
      "unsupported",
      `scheme "${key}" needs types that are read but not written; expected one of ${schemes.map((s) => s.name).join(", ")}`,
    );
  throw unknownName(
    "scheme",
    name,
    [...schemes.map((scheme) => scheme.name), ...Object.keys(MIX_ALIASES)],
    "quantize schemes",
  );
}

/**
 * The type of a rule or an option, in any letter case, under its registry name.
 * @param where what the type was given to, for the message: `--output-type`
 * @throws QuantizeError `unknown-name`, or `unsupported` for types that are only read
 */
export function findType(name: string, where: string): string {
  const format = findFormat(name.trim());
  if (format === undefined) {
    const names = allFormats()
      .filter(isWritableFormat)
      .map((known) => known.name);
    throw unknownName(`type of ${where}`, name, names, "quantize schemes");
  }
  if (!isWritable(format.name))
    throw new QuantizeError("unsupported", `${where}: type ${format.name} is read but not written`);
  return format.name;
}
