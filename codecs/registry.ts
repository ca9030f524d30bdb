/**
 * Every block format the project knows, one line each. Names are looked up in any letter case.
 */
import { bf16 } from "./floats/bf16.ts";
import type { BlockFormat, Codec, CodebookFormat, Codebook } from "./codec.ts";
import { f16 } from "./floats/f16.ts";
import { f32 } from "./floats/f32.ts";
import { f64 } from "./floats/f64.ts";
import { f8_e4m3, f8_e5m2 } from "./floats/f8.ts";
import { i16, i32, i64, i8 } from "./floats/integers.ts";
import { iq1_m, iq1_s } from "./lattice/iq1.ts";
import { iq2_s, iq2_xs, iq2_xxs } from "./lattice/iq2.ts";
import { iq3_s, iq3_xxs } from "./lattice/iq3.ts";
import { iq4_nl } from "./lookup/iq4_nl.ts";
import { iq4_xs } from "./lookup/iq4_xs.ts";
import { mxfp4 } from "./lookup/mxfp4.ts";
import { nvfp4 } from "./lookup/nvfp4.ts";
import { q1_0 } from "./blocks/q1_0.ts";
import { q2_0 } from "./blocks/q2_0.ts";
import { q2_cb, q2_cb_g64 } from "./codebooks/q2_cb.ts";
import { q2_K } from "./k-quants/q2_K.ts";
import { q3_cb, q3_cb2, q3_cb_g64 } from "./codebooks/q3_cb.ts";
import { q3_K } from "./k-quants/q3_K.ts";
import { q4_0 } from "./blocks/q4_0.ts";
import { q4_1 } from "./blocks/q4_1.ts";
import { q4_cb, q4_cb_g64 } from "./codebooks/q4_cb.ts";
import { q4_K } from "./k-quants/q4_K.ts";
import { q5_0 } from "./blocks/q5_0.ts";
import { q5_1 } from "./blocks/q5_1.ts";
import { q5_cb, q5_cb_g64 } from "./codebooks/q5_cb.ts";
import { q5_K } from "./k-quants/q5_K.ts";
import { q6_K } from "./k-quants/q6_K.ts";
import { q8_0 } from "./blocks/q8_0.ts";
import { q8_1 } from "./blocks/q8_1.ts";
import { q8_K } from "./k-quants/q8_K.ts";
import { tq1_0, tq2_0 } from "./blocks/ternary.ts";

// prettier-ignore
const FORMATS: readonly (Codec | CodebookFormat)[] = [
  f32,
  f16,
  bf16,
  q8_0,
  q5_1,
  q5_0,
  q4_1,
  q4_0,
  iq4_nl,
  iq4_xs,
  mxfp4,
  nvfp4,
  tq2_0,
  tq1_0,
  q2_0,
  q1_0,
  q2_K,
  q3_K,
  q4_K,
  q5_K,
  q6_K,
  q8_1,
  q8_K,
  iq3_s,
  iq3_xxs,
  iq2_s,
  iq2_xs,
  iq2_xxs,
  iq1_m,
  iq1_s,
  f64,
  f8_e4m3,
  f8_e5m2,
  i8,
  i16,
  i32,
  i64,
  q5_cb,
  q5_cb_g64,
  q4_cb,
  q4_cb_g64,
  q3_cb,
  q3_cb_g64,
  q3_cb2,
  q2_cb,
  q2_cb_g64,
];

const byName = new Map(FORMATS.map((format) => [format.name.toLowerCase(), format]));

/** All formats, in the order in which they are listed to people. */
export function allFormats(): readonly (Codec | CodebookFormat)[] {
  return FORMATS;
}

/** The format of that name in any letter case, or undefined. */
export function findFormat(name: string): Codec | CodebookFormat | undefined {
  return byName.get(name.toLowerCase());
}

/** True for formats that need learned tables before they can encode or decode. */
export function isCodebookFormat(format: BlockFormat): format is CodebookFormat {
  return format.kind === "codebook";
}

/** True when weights can be written in the format. */
export function isWritableFormat(format: Codec | CodebookFormat): boolean {
  return isCodebookFormat(format) || (format.encode !== undefined && format.isForActivations === undefined);
}

/**
 * The codec of that name, ready to use.
 * @param codebook the learned tables, required for codebook formats and ignored otherwise
 * @throws RangeError for an unknown name, or a codebook format without its codebook
 */
export function resolveCodec(name: string, codebook?: Codebook): Codec {
  const format = findFormat(name);
  if (format === undefined) throw new RangeError(`unknown codec "${name}"`);
  if (!isCodebookFormat(format)) return format;
  if (codebook === undefined) throw new RangeError(`codec "${format.name}" needs its codebook`);
  return format.bind(codebook);
}
