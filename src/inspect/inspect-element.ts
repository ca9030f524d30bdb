/** Where one weight lies and what it is worth: bytes, bits, scales, table, value, through any layout. */
import { isCodebookFormat } from "../../codecs/registry.ts";
import { f16Value } from "../../codecs/half.ts";
import { locate, wovenFieldOffset } from "../../layouts/locate.ts";
import type { Weave } from "../../layouts/layout.ts";
import { pack } from "../../layouts/weave.ts";
import { QuantizeError } from "../errors.ts";
import type { Model, Tensor } from "../read/model.ts";
import { formatFloat32 } from "../report/format-number.ts";
import { weaveOf, withTensorReader, type TensorReader } from "./tensor-reader.ts";

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
  /** The woven (or plain) block: its place in the tensor, its bytes, and where its fields begin. */
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
function unflip(weave: Weave, field: string, bit: number, bits: number, stored: number): number {
  const xor = weave.fields.find((candidate) => candidate.field === field)?.xor ?? 0;
  if (xor === 0) return stored;
  return bitsAt(Uint8Array.of(xor, xor, xor, xor), 0, bit, bits) ^ stored;
}

function readingOf(tensor: Tensor, slice: number, reader: TensorReader, bits: ElementBits): string | undefined {
  const { format } = reader;
  if (isCodebookFormat(format)) {
    const codebook = tensor.codebooks?.[slice];
    if (codebook === undefined) return undefined;
    if (bits.field === "s") return `level ${formatFloat32(codebook.levels[bits.value] ?? 0)}`;
    if (bits.field !== "t") return undefined;
    const start = bits.value * format.tableLength;
    return `entries ${[...codebook.tables.subarray(start, start + format.tableLength)].join(" ")}`;
  }
  const isHalf = bits.bits === 16 && format.kind === "uniform" && ["d", "dmin", "m"].includes(bits.field);
  return isHalf ? formatFloat32(f16Value(bits.value)) : undefined;
}

/**
 * Locates and reads one weight.
 * @throws QuantizeError `usage` for a place the tensor does not have, `incompatible` for a layout the type does not have
 */
export async function inspectElement(
  model: Model,
  tensor: Tensor,
  { slice = 0, row, column, layout = tensor.layout }: ElementOptions,
): Promise<InspectedElement> {
  const rowsPerSlice = tensor.shape[1] ?? 1;
  const weave = weaveOf(tensor, layout);
  return withTensorReader(model, tensor, (reader) => {
    require0To("slice", slice, reader.rows / rowsPerSlice, tensor);
    require0To("row", row, rowsPerSlice, tensor);
    require0To("column", column, tensor.shape[0]!, tensor);
    if (rowsPerSlice % weave.rowsPerGroup !== 0) {
      throw new QuantizeError(
        "incompatible",
        `${tensor.name}: ${rowsPerSlice} rows do not divide into groups of ${weave.rowsPerGroup} (layout ${layout})`,
      );
    }
    const { format, rowBytes } = reader;
    const fullRow = slice * rowsPerSlice + row;
    const groupStart = fullRow - (fullRow % weave.rowsPerGroup);
    const rowMajor = reader.blocks(groupStart, groupStart + weave.rowsPerGroup);
    const woven = new Uint8Array(rowMajor.length);
    pack(weave, rowMajor, woven, weave.rowsPerGroup, rowBytes);
    const tensorOffset = groupStart * rowBytes;
    const [extent] = tensor.extents;
    const isInPlace = layout === tensor.layout && tensor.extents.length === 1 && tensor.rotaryHeads === undefined;

    const parts = locate(weave, rowBytes, fullRow, column).parts.map((part): ElementBits => {
      const stored = bitsAt(woven, part.byteOffset - tensorOffset, part.bit, part.bits);
      const { field, label, byteOffset, bit, bits } = part;
      const value = unflip(weave, field, bit, bits, stored);
      const place = { field, label, byteOffset, ...(isInPlace && { fileOffset: extent!.byteOffset + byteOffset }) };
      const read: ElementBits = { ...place, bit, bits, stored, value };
      const reading = readingOf(tensor, slice, reader, read);
      return reading === undefined ? read : { ...read, reading };
    });
    const block = Math.floor(column / format.blockSize);
    const blockLength = weave.rowsPerGroup * format.blockBytes;
    return {
      ...{ tensor: tensor.name, codec: format.name, layout, storedLayout: tensor.layout, shape: tensor.shape },
      ...{ slice, row, column, block, columnInBlock: column % format.blockSize, parts },
      value: reader.weights(fullRow, fullRow + 1)[column]!,
      blockOffset: tensorOffset + block * blockLength,
      blockBytes: [...woven.subarray(block * blockLength, (block + 1) * blockLength)],
      blockFields: weave.fields.map((field) => ({
        field: field.field,
        byteOffset: wovenFieldOffset(weave, field),
        bytes: field.bytes * weave.rowsPerGroup,
      })),
    };
  });
}
