/**
 * Every interleaved layout, as data. A layout is named by its shape, rows x chunk: `4x8` interleaves four rows and
 * deals their codes in chunks of eight bytes. A line says which shapes a format has and in which order the interleaved
 * block stores the fields; adding a layout to a format is adding its shape to the line.
 *
 * Orders and shapes are those that ggml makes at load time (byte for byte: fixtures/golden/layouts); 8x4 of q4_0, q8_0
 * and mxfp4 are ik_llama.cpp's R8 types (compat.ts). The codebook formats, which are ours, follow one rule: scale
 * fields gathered whole, codes dealt.
 */
import type { BlockFormat } from "../codecs/codec.ts";
import type { BitOrderName } from "./layout.ts";

/** How a field is interleaved, before the shape is known. */
export interface FieldRule {
  readonly field: string;
  /** `whole`: one row's field after the other. `dealt`: by the shape's chunk. A number: by that many bytes. */
  readonly chunk: "whole" | "dealt" | number;
  readonly xor?: number;
  readonly special?: BitOrderName;
}

/** One or more shapes of one format. */
export interface CatalogueLine {
  readonly format: string;
  readonly shapes: readonly string[];
  readonly fields: readonly FieldRule[];
}

const whole = (field: string): FieldRule => ({ field, chunk: "whole" });
const dealt = (field: string, xor = 0): FieldRule => ({ field, chunk: "dealt", xor });
const chunks = (field: string, chunk: number): FieldRule => ({ field, chunk });
const special = (field: string, name: BitOrderName): FieldRule => ({ field, chunk: "whole", special: name });

/** 0x88 turns two offset-binary nibbles (value + 8) into two's complement, so that kernels need no subtraction. */
const SIGNED_NIBBLES = 0x88;

export const CATALOGUE: readonly CatalogueLine[] = [
  { format: "q4_0", shapes: ["4x4", "4x8", "8x8", "16x1"], fields: [whole("d"), dealt("qs", SIGNED_NIBBLES)] },
  // ik_llama.cpp's q4_0_r8 leaves the nibbles as they are.
  { format: "q4_0", shapes: ["8x4"], fields: [whole("d"), dealt("qs")] },
  { format: "q8_0", shapes: ["4x4", "4x8", "8x4", "16x1"], fields: [whole("d"), dealt("qs")] },
  { format: "iq4_nl", shapes: ["4x4", "8x8", "16x1"], fields: [whole("d"), dealt("qs")] },
  { format: "mxfp4", shapes: ["4x4", "8x4", "8x8"], fields: [whole("e"), dealt("qs")] },
  {
    format: "q4_K",
    shapes: ["8x4", "8x8"],
    fields: [whole("d"), whole("dmin"), special("scales", "k-scales"), dealt("qs")],
  },
  {
    format: "q4_K",
    shapes: ["16x1"],
    fields: [whole("d"), whole("dmin"), special("scales", "k-scales-16"), dealt("qs")],
  },
  {
    format: "q5_K",
    shapes: ["8x4", "8x8"],
    fields: [whole("d"), whole("dmin"), special("scales", "k-scales"), dealt("qh"), dealt("qs")],
  },
  { format: "q6_K", shapes: ["8x4", "8x8"], fields: [whole("d"), chunks("scales", 1), dealt("ql"), dealt("qh")] },
  { format: "q2_K", shapes: ["8x8"], fields: [whole("d"), whole("dmin"), chunks("scales", 2), dealt("qs")] },
  {
    format: "q2_K",
    shapes: ["16x1"],
    fields: [whole("d"), whole("dmin"), special("scales", "q2-scales-16"), dealt("qs")],
  },
  // q1_0's shapes count weights, that is bits: four weights are a nibble, eight a byte.
  { format: "q1_0", shapes: ["4x4"], fields: [whole("d"), special("qs", "nibbles")] },
  { format: "q1_0", shapes: ["4x8"], fields: [whole("d"), chunks("qs", 1)] },
  // Activations of the matrix-matrix kernels; q8_0's are interleaved as the weights of that name.
  { format: "q8_K", shapes: ["4x4", "4x8"], fields: [whole("d"), dealt("qs"), chunks("bsums", 8)] },
];

/** Shapes of the codebook formats. */
export const CODEBOOK_SHAPES: readonly string[] = ["4x4", "4x8", "8x8", "8x4"];

/** The line for a codebook format: scales and table numbers whole, codes dealt. */
export function codebookLine(format: BlockFormat): CatalogueLine {
  const fields = format.fields.map(({ name, role }) => (role === "codes" ? dealt(name) : whole(name)));
  return { format: format.name, shapes: CODEBOOK_SHAPES, fields };
}
