/** Where one weight lies and what it is worth: bytes, bits, scales, table, value, through any layout. */
import type { BlockFormat, Codebook, CodebookFormat } from "../../codecs/codec.ts";
import { isCodebookFormat } from "../../codecs/registry.ts";
import { f16Value } from "../../codecs/floats/half.ts";
import { locate, interleavedFieldOffset } from "../../layouts/locate.ts";
import type { Layout } from "../../layouts/layout.ts";
import { pack } from "../../layouts/pack.ts";
import { QuantizeError } from "../errors.ts";
import type { Model, Tensor } from "../read/model.ts";
import { formatFloat32 } from "../text/format-number.ts";
import { layoutOf, withTensorReader } from "../open/tensor-reader.ts";

/** A run of bits that belongs to the weight. */
export interface ElementBits {
  readonly field: string;
  readonly label: string;
  /** From the first byte of the tensor, in the shown layout. */
  readonly byteOffset: number;
  /** In the file; absent when the shown layout is not the stored one, or the tensor lies in several pieces. */
  readonly fileOffset?: number;
  /** Lowest bit within that byte, and how many. */
  readonly bit: number;
  readonly bits: number;
  /** The bits as they are stored, and as the format means them (some layouts flip sign bits). */
  readonly stored: number;
  readonly value: number;
  /** What that says: a half-precision scale as a number, a table as its entries. */
  readonly reading?: string;
}

/** What a weight of a codebook tensor is made of. */
export interface CodebookChoice {
  readonly level: number;
  readonly code: number;
  readonly entry: number;
  /** All entries of the chosen table. */
  readonly table: readonly number[];
}

export interface InspectedElement {
  readonly tensor: string;
  readonly codec: string;
  /** The layout shown, and the one in the file. */
  readonly layout: string;
  readonly storedLayout: string;
  readonly shape: readonly number[];
  /** Matrix of a stack, 0 for a plain one; row within it; column. */
  readonly slice: number;
  readonly row: number;
  readonly column: number;
  /** Block of the row, and place in it. */
  readonly block: number;
  readonly columnInBlock: number;
  readonly parts: readonly ElementBits[];
  readonly value: number;
  /** Of codebook types: what the numbers above choose; value = level * entry. */
  readonly choice?: CodebookChoice;
  /** The interleaved (or plain) block: its place in the tensor, its bytes, and where its fields begin. */
  readonly blockOffset: number;
  readonly blockBytes: readonly number[];
  /** Fields of the block, in stored order, with their offsets in it. */
  readonly blockFields: readonly { readonly field: string; readonly byteOffset: number; readonly bytes: number }[];
}

export interface ElementOptions {
  readonly slice?: number;
  readonly row: number;
  readonly column: number;
  /** Show the place in this layout instead of the stored one. */
  readonly layout?: string;
}

function require0To(what: string, value: number, count: number, tensor: Tensor): void {
  if (Number.isInteger(value) && value >= 0 && value < count) return;
  const shape = tensor.shape.join(" x ");
  throw new QuantizeError("usage", `${tensor.name} (${shape}): ${what} ${value}, expected 0 to ${count - 1}`);
}

/** Bits `[bit, bit + bits)` of a little-endian run that begins at `offset`. */
function bitsAt(bytes: Uint8Array, offset: number, bit: number, bits: number): number {
  let value = 0;
  for (let i = 0; i < bits; i++) {
    const at = bit + i;
    value += ((bytes[offset + (at >> 3)]! >> (at & 7)) & 1) * 2 ** i;
  }
  return value;
}

/** The same bits with the layout's XOR undone. */
function unflip(layout: Layout, field: string, bit: number, bits: number, stored: number): number {
  const xor = layout.fields.find((candidate) => candidate.field === field)?.xor ?? 0;
  if (xor === 0) return stored;
  return bitsAt(Uint8Array.of(xor, xor, xor, xor), 0, bit, bits) ^ stored;
}

/** A half-precision scale as a number. */
function readingOf({ fields }: BlockFormat, { field, bits, value }: ElementBits): string | undefined {
  const isHalf = bits === 16 && fields.find(({ name }) => name === field)?.number === "f16";
  return isHalf ? formatFloat32(f16Value(value)) : undefined;
}

/** What the numbers of a codebook tensor's weight stand for. Numbers that do not exist stand for zero. */
function choiceOf(
  { tableLength, dimension }: CodebookFormat,
  { tables, levels }: Codebook,
  column: number,
  parts: readonly ElementBits[],
): CodebookChoice {
  const valueOf = (field: string): number => parts.find((part) => part.field === field)?.value ?? 0;
  let [code, shift] = [0, 0];
  for (const { field, value, bits } of parts) {
    if (field === "s" || field === "t") continue;
    code += value * 2 ** shift;
    shift += bits;
  }
  const table = [...tables.subarray(valueOf("t") * tableLength, (valueOf("t") + 1) * tableLength)];
  // Of pairs, a table holds all first coordinates, then all second ones.
  const entry = table[(column % dimension) * (tableLength / dimension) + code] ?? 0;
  return { level: levels[valueOf("s")] ?? 0, code, entry, table };
}

/**
 * Locates and reads one weight.
 * @throws QuantizeError `usage` for a place the tensor does not have, `incompatible` for a layout the type does not have
 */
export async function inspectElement(
  model: Model,
  tensor: Tensor,
  { slice = 0, row, column, layout: layoutName = tensor.layout }: ElementOptions,
): Promise<InspectedElement> {
  const rowsPerSlice = tensor.shape[1] ?? 1;
  const layout = layoutOf(tensor, layoutName);
  return withTensorReader(model, tensor, (reader) => {
    require0To("slice", slice, reader.rows / rowsPerSlice, tensor);
    require0To("row", row, rowsPerSlice, tensor);
    require0To("column", column, tensor.shape[0]!, tensor);
    if (rowsPerSlice % layout.rowsPerGroup !== 0) {
      throw new QuantizeError(
        "incompatible",
        `${tensor.name}: ${rowsPerSlice} rows do not divide into groups of ${layout.rowsPerGroup} (layout ${layoutName})`,
      );
    }
    const { format, rowBytes } = reader;
    const fullRow = slice * rowsPerSlice + row;
    const groupStart = fullRow - (fullRow % layout.rowsPerGroup);
    const rowMajor = reader.blocks(groupStart, groupStart + layout.rowsPerGroup);
    const packed = new Uint8Array(rowMajor.length);
    pack(layout, rowMajor, packed, layout.rowsPerGroup, rowBytes);
    const tensorOffset = groupStart * rowBytes;
    const [extent] = tensor.extents;
    const isInPlace = layoutName === tensor.layout && tensor.extents.length === 1 && tensor.parts === undefined;

    const parts = locate(layout, rowBytes, fullRow, column).parts.map((part): ElementBits => {
      const stored = bitsAt(packed, part.byteOffset - tensorOffset, part.bit, part.bits);
      const { field, label, byteOffset, bit, bits } = part;
      const value = unflip(layout, field, bit, bits, stored);
      const place = { field, label, byteOffset, ...(isInPlace && { fileOffset: extent!.byteOffset + byteOffset }) };
      const read: ElementBits = { ...place, bit, bits, stored, value };
      const reading = readingOf(format, read);
      return reading === undefined ? read : { ...read, reading };
    });
    const block = Math.floor(column / format.blockSize);
    const codebook = tensor.codebooks?.[slice];
    const choice =
      isCodebookFormat(format) && codebook !== undefined ? choiceOf(format, codebook, column, parts) : undefined;
    const blockLength = layout.rowsPerGroup * format.blockBytes;
    return {
      ...{
        tensor: tensor.name,
        codec: format.name,
        layout: layoutName,
        storedLayout: tensor.layout,
        shape: tensor.shape,
      },
      ...{ slice, row, column, block, columnInBlock: column % format.blockSize, parts },
      value: reader.weights(fullRow, fullRow + 1)[column]!,
      ...(choice !== undefined && { choice }),
      blockOffset: tensorOffset + block * blockLength,
      blockBytes: [...packed.subarray(block * blockLength, (block + 1) * blockLength)],
      blockFields: layout.fields.map((field) => ({
        field: field.field,
        byteOffset: interleavedFieldOffset(layout, field),
        bytes: field.bytes * layout.rowsPerGroup,
      })),
    };
  });
}
