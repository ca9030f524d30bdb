/**
 * Which bits of a row-major block belong to one of its weights: codes, and the scales, minima and table numbers that
 * apply to it. Said once per format; the inspector and `locate` read it through any layout.
 *
 * Definitions: the decoders of ggml (`dequantize_row_*`) for stock formats, docs/codebooks.md for ours. Formats whose
 * weights have no bits of their own (lattice codes of iq1, iq2, iq3) answer with the whole block's fields.
 */
import type { BlockFormat, CodebookFormat } from "../codecs/codec.ts";
import { isCodebookFormat } from "../codecs/registry.ts";
import { sixBitPosition } from "./bit-orders.ts";

/** A run of bits in one field of a block; bit 0 is the lowest bit of the field's first byte. */
export interface ElementPart {
  readonly field: string;
  readonly label: string;
  readonly bit: number;
  readonly bits: number;
}

type PartsOf = (column: number) => readonly ElementPart[];

const part = (field: string, label: string, bit: number, bits: number): ElementPart => ({ field, label, bit, bits });
const half = (field: string, label: string): ElementPart => part(field, label, 0, 16);

/** Nibble codes where byte i of each `span` bytes holds element i low and element i + span high. */
const nibble = (field: string, column: number, span: number, label = "code"): ElementPart => {
  const chunk = Math.floor(column / (2 * span));
  const within = column % (2 * span);
  return part(field, label, (chunk * span + (within % span)) * 8 + (within < span ? 0 : 4), 4);
};

/** Two-bit codes of q2_K, q3_K, tq2_0: byte i of 32 holds elements i, i+32, i+64, i+96, lowest bits first. */
const bitPair = (field: string, column: number, label: string): ElementPart =>
  part(field, label, ((column >> 7) * 32 + (column & 31)) * 8 + ((column >> 5) & 3) * 2, 2);

/** A 6-bit scale or minimum of q4_K and q5_K: one run, or two where its high bits lie apart. */
function sixBits(kind: "scale" | "minimum", subBlock: number): readonly ElementPart[] {
  const low = sixBitPosition(kind, subBlock, 0);
  if (subBlock < 4) return [part("scales", kind, low, 6)];
  return [part("scales", kind, low, 4), part("scales", `${kind}, high bits`, sixBitPosition(kind, subBlock, 4), 2)];
}

const kScales: PartsOf = (column) => [
  ...sixBits("scale", column >> 5),
  ...sixBits("minimum", column >> 5),
  half("d", "scale of scales"),
  half("dmin", "scale of minima"),
];

/** Ternary digits five to a byte: the byte is shared, the digit's number is said in the label. */
const ternary: PartsOf = (column) => {
  const [field, byte, digit] =
    column < 160
      ? (["qs", column % 32, column >> 5] as const)
      : column < 240
        ? (["qs", 32 + ((column - 160) % 16), (column - 160) >> 4] as const)
        : (["qh", (column - 240) % 4, (column - 240) >> 2] as const);
  return [part(field, `ternary digit ${digit} of the byte`, byte * 8, 8), half("d", "scale")];
};

const STOCK: Readonly<Record<string, PartsOf>> = {
  q4_0: (j) => [nibble("qs", j, 16), half("d", "scale")],
  q4_1: (j) => [nibble("qs", j, 16), half("d", "scale"), half("m", "minimum")],
  q5_0: (j) => [nibble("qs", j, 16, "low bits"), part("qh", "high bit", j, 1), half("d", "scale")],
  q5_1: (j) => [
    nibble("qs", j, 16, "low bits"),
    part("qh", "high bit", j, 1),
    half("d", "scale"),
    half("m", "minimum"),
  ],
  q8_0: (j) => [part("qs", "code", j * 8, 8), half("d", "scale")],
  q8_1: (j) => [part("qs", "code", j * 8, 8), half("d", "scale")],
  q8_K: (j) => [part("qs", "code", j * 8, 8), part("d", "scale", 0, 32)],
  iq4_nl: (j) => [nibble("qs", j, 16), half("d", "scale")],
  mxfp4: (j) => [nibble("qs", j, 16), part("e", "exponent", 0, 8)],
  nvfp4: (j) => [nibble("qs", j, 8), part("d", "scale", (j >> 4) * 8, 8)],
  iq4_xs: (j) => [
    nibble("qs", j, 16),
    part("scales_l", "scale", (j >> 5) * 4, 4),
    part("scales_h", "scale, high bits", (j >> 5) * 2, 2),
    half("d", "scale of scales"),
  ],
  q2_K: (j) => [
    bitPair("qs", j, "code"),
    part("scales", "scale", (j >> 4) * 8, 4),
    part("scales", "minimum", (j >> 4) * 8 + 4, 4),
    half("d", "scale of scales"),
    half("dmin", "scale of minima"),
  ],
  q3_K: (j) => [
    bitPair("qs", j, "low bits"),
    part("hmask", "high bit", (j & 31) * 8 + (j >> 5), 1),
    part("scales", "scale", ((j >> 4) & 7) * 8 + (j >> 7) * 4, 4),
    part("scales", "scale, high bits", (8 + ((j >> 4) & 3)) * 8 + (j >> 6) * 2, 2),
    half("d", "scale of scales"),
  ],
  q4_K: (j) => [nibble("qs", j, 32), ...kScales(j)],
  q5_K: (j) => [nibble("qs", j, 32, "low bits"), part("qh", "high bit", (j & 31) * 8 + (j >> 5), 1), ...kScales(j)],
  q6_K: (j) => [
    nibble("ql", (j >> 7) * 128 + (j & 127), 64, "low bits"),
    bitPair("qh", j, "high bits"),
    part("scales", "scale", (j >> 4) * 8, 8),
    half("d", "scale of scales"),
  ],
  q1_0: (j) => [part("qs", "sign", j, 1), half("d", "scale")],
  q2_0: (j) => [part("qs", "code", j * 2, 2), half("d", "scale")],
  tq1_0: ternary,
  tq2_0: (j) => [bitPair("qs", j, "code"), half("d", "scale")],
};

/** Codebook formats: spans of 32 weights as codecs/codebooks/codebook-codes.ts cuts them, then scale level and table. */
function codebookParts(format: CodebookFormat, column: number): readonly ElementPart[] {
  const { codeBits, dimension, fields } = format;
  const codes = fields.filter(({ role }) => role === "codes").map(({ name }) => name);
  const code = Math.floor(column / dimension);
  const which = dimension === 1 ? "" : ` of a pair, ${column % 2 === 0 ? "first" : "second"} weight`;
  const label = codes.length === 1 ? "code" : "low bits";
  const low =
    codeBits === 3
      ? part(codes[0]!, label + which, ((column >> 5) * 8 + (column & 7)) * 8 + ((column & 31) >> 3) * 2, 2)
      : nibble(codes[0]!, code, 16 / dimension, label + which);
  const parts = [low];
  if (codes[1] !== undefined) parts.push(part(codes[1], "high bits" + which, code * dimension, dimension));
  return [...parts, part("s", "scale level", 0, 8), part("t", "table", 0, 8)];
}

/**
 * The bits of weight `column` of a block.
 * @param column 0 to `format.blockSize - 1`
 * @throws RangeError when the column lies outside the block
 */
export function elementParts(format: BlockFormat, column: number): readonly ElementPart[] {
  if (!Number.isInteger(column) || column < 0 || column >= format.blockSize)
    throw new RangeError(`${format.name}: weight ${column} of a block, expected 0 to ${format.blockSize - 1}`);
  if (isCodebookFormat(format)) return codebookParts(format, column);
  const stock = STOCK[format.name];
  if (stock !== undefined) return stock(column);
  return format.fields.map(({ name, bytes, role }) => part(name, role === "codes" ? "code" : "scale", 0, bytes * 8));
}
