/** Where the bits of a weight lie, in the ways that several formats share: the words in which `parts` is written. */
import type { ElementPart } from "./codec.ts";

/** A run of `bits` bits from bit `bit` of the field. */
export function bitsPart(field: string, label: string, bit: number, bits: number): ElementPart {
  return { field, label, bit, bits };
}

/** A field that is one f16: a scale or a minimum. */
export function halfPart(field: string, label: string): ElementPart {
  return bitsPart(field, label, 0, 16);
}

/** A nibble where byte i of each `span` bytes holds element i low and element i + span high. */
export function nibblePart(field: string, column: number, span: number, label = "code"): ElementPart {
  const chunk = Math.floor(column / (2 * span));
  const within = column % (2 * span);
  return bitsPart(field, label, (chunk * span + (within % span)) * 8 + (within < span ? 0 : 4), 4);
}

/** A bit pair where byte i of each 32 holds elements i, i + 32, i + 64, i + 96, lowest bits first. */
export function bitPairPart(field: string, column: number, label: string): ElementPart {
  return bitsPart(field, label, ((column >> 7) * 32 + (column & 31)) * 8 + ((column >> 5) & 3) * 2, 2);
}
