/** What `quantize schemes` lists: every scheme, its size, what it is, and who can load the result. */
import { isCodebookFormat, findFormat } from "../../codecs/registry.ts";
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

const TYPES: Readonly<Record<string, string>> = {
  f32: "no change of values from F16, BF16 or F32",
  f16: "half precision, 11 bits of mantissa",
  bf16: "the upper half of a float, 8 bits of mantissa",
  q8_0: "8-bit codes, a half-precision scale per 32",
  q4_0: "4-bit codes from -8 to 7, a half-precision scale per 32",
  q4_1: "4-bit codes, scale and minimum per 32",
  q5_0: "5-bit codes from -16 to 15, a scale per 32",
  q5_1: "5-bit codes, scale and minimum per 32",
  q2_K: "2-bit codes, 4-bit scales and minima per 16, in blocks of 256",
  q3_K: "3-bit codes, 6-bit scales per 16, in blocks of 256",
  q4_K: "4-bit codes, 6-bit scales and minima per 32, in blocks of 256",
  q5_K: "5-bit codes, 6-bit scales and minima per 32, in blocks of 256",
  q6_K: "6-bit codes, 8-bit scales per 16, in blocks of 256",
  iq4_nl: "16 fixed uneven levels, a half-precision scale per 32",
  iq4_xs: "16 fixed uneven levels, 6-bit scales per 32, in blocks of 256",
  mxfp4: "4-bit floats, a power-of-two scale per 32",
  nvfp4: "4-bit floats, an 8-bit float scale per 16",
  tq1_0: "ternary, five weights to a byte",
  tq2_0: "ternary, four weights to a byte",
  q1_0: "signs, one scale per block",
  q2_0: "2-bit codes, one scale per block",
  q5_cb: "learned tables of 32 entries, table and scale level per 32",
  q4_cb: "learned tables of 16 entries, table and scale level per 32",
  q3_cb: "learned tables of 8 entries, table and scale level per 32",
  q3_cb2: "learned tables of 64 points of the plane, a code per pair of weights",
  q2_cb: "learned tables of 16 points of the plane, a code per pair of weights",
};

function aboutType(type: string): string {
  const base = TYPES[type.replace(/_g64$/, "")] ?? "";
  return type.endsWith("_g64")
    ? base.replace("per 32", "per 64") + (/per 32/.test(base) ? "" : ", groups of 64")
    : base;
}

/** A mix in words: its type, and the types it gives to tensors that are worth more. */
function aboutMix({ type, recipe }: Scheme): string {
  const others = [...new Set(recipe.rules.map((rule) => rule.type).filter((t) => t !== undefined && t !== type))];
  return others.length === 0 ? aboutType(type) : `llama.cpp's mix: ${type}, some tensors ${others.join(" ")}`;
}

function describe(scheme: Scheme): SchemeDescription {
  const { name, kind, type, bitsPerWeight } = scheme;
  const format = findFormat(type)!;
  const about = kind === "mix" ? aboutMix(scheme) : aboutType(type);
  return { name, kind, type, bitsPerWeight, blockSize: format.blockSize, isStock: !isCodebookFormat(format), about };
}

/** Every scheme that `--scheme` takes: ours, llama.cpp's mixes, single types, floats. */
export function describeSchemes(): readonly SchemeDescription[] {
  return allSchemes().map(describe);
}
