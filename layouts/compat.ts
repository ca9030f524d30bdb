/**
 * Interleaved types that other programs read from files: their numbers, and the layout that makes the same bytes.
 *
 * ik_llama.cpp still reads 31 to 33, which llama.cpp has withdrawn, and has types of its own for interleaved rows.
 * Compared with the repack functions of its iqk_quantize.cpp: the R8 types of q4_0, q8_0 and mxfp4 gather the scales
 * and deal the codes in chunks of four over eight rows, nibbles unchanged (8x4). Not producible by dealing whole bytes,
 * and therefore not here: iq4_nl_r4, iq4_xs_r8, q5_0_r4 and the K types (r4), which pair other nibbles than the rows
 * do.
 */

/** Programs whose numbers for interleaved types may be used. */
export const COMPAT_PROGRAMS = ["ik_llama.cpp"] as const;
export type Compat = (typeof COMPAT_PROGRAMS)[number];

/** An interleaved type with a number in another program's files. */
export interface CompatType {
  readonly program: Compat;
  /** The `ggml_type` number. */
  readonly id: number;
  /** The program's name for it. */
  readonly name: string;
  readonly format: string;
  readonly layout: string;
}

const ik = (id: number, name: string, format: string, layout: string): CompatType => ({
  program: "ik_llama.cpp",
  id,
  name,
  format,
  layout,
});

export const COMPAT_TYPES: readonly CompatType[] = [
  ik(31, "q4_0_4_4", "q4_0", "4x4"),
  ik(32, "q4_0_4_8", "q4_0", "4x8"),
  ik(33, "q4_0_8_8", "q4_0", "8x8"),
  ik(202, "q4_0_r8", "q4_0", "8x4"),
  ik(208, "q8_0_r8", "q8_0", "8x4"),
  ik(353, "mxfp4_r8", "mxfp4", "8x4"),
];
