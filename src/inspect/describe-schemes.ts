/** What `quantize schemes` lists: every scheme, its size, what it is, and who can load the result. */
import { isOwn } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { allSchemes, type Scheme } from "../plan/recipes/schemes.ts";

export interface SchemeDescription {
  readonly name: string;
  readonly kind: Scheme["kind"];
  /** The type of most tensors. */
  readonly type: string;
  /** Bits per weight of that type, learned tables not counted. */
  readonly bitsPerWeight: number;
  /** Weights that share a scale block. */
  readonly blockSize: number;
  /** True when llama.cpp loads the files. */
  readonly isStock: boolean;
  readonly about: string;
}

/** The types that a mix gives to tensors which are worth more. */
function otherTypes({ type, recipe }: Scheme): string[] {
  return [
    ...new Set(recipe.rules.flatMap((rule) => (rule.type === undefined || rule.type === type ? [] : [rule.type]))),
  ];
}

function describe(scheme: Scheme): SchemeDescription {
  const { name, kind, type, bitsPerWeight } = scheme;
  const format = findFormat(type)!;
  const others = otherTypes(scheme);
  const about = others.length === 0 ? format.about : `llama.cpp's mix: ${type}, some tensors ${others.join(" ")}`;
  return { name, kind, type, bitsPerWeight, blockSize: format.blockSize, isStock: !isOwn(format), about };
}

/** Every scheme that `--scheme` takes: ours, llama.cpp's mixes, single types, floats. */
export function describeSchemes(): readonly SchemeDescription[] {
  return allSchemes().map(describe);
}
