/** The codes of blocks, weight by weight: put into the bits where a format keeps them. */
import type { BlockFormat } from "../../codecs/codec.ts";

/** Part of a code: so many of its bits, from `codeBit` on, in a byte of the block from bit `bit` on. */
interface CodePart {
  readonly byte: number;
  readonly bit: number;
  readonly mask: number;
  readonly codeBit: number;
}

/** Where the codes of a block lie. */
export interface CodeBits {
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Of each weight of a block. */
  readonly parts: readonly (readonly CodePart[])[];
  /** Bytes that hold nothing but codes. */
  readonly codeBytes: readonly number[];
}

/** @throws RangeError for formats whose weights have no codes of their own */
export function codeBitsOf(format: BlockFormat): CodeBits {
  if (format.parts === undefined) throw new RangeError(`${format.name}: no codes of single weights`);
  const starts = new Map<string, number>();
  const codeBytes: number[] = [];
  let at = 0;
  for (const { name, bytes, role } of format.fields) {
    starts.set(name, at);
    if (role === "codes") for (let byte = at; byte < at + bytes; byte++) codeBytes.push(byte);
    at += bytes;
  }
  const isCode = (field: string): boolean => format.fields.find(({ name }) => name === field)?.role === "codes";
  const parts = Array.from({ length: format.blockSize }, (_, column) => {
    let codeBit = 0;
    return format.parts!(column).flatMap(({ field, bit, bits }): CodePart[] => {
      if (!isCode(field)) return [];
      const part = { byte: starts.get(field)! + (bit >> 3), bit: bit & 7, mask: 2 ** bits - 1, codeBit };
      codeBit += bits;
      return [part];
    });
  });
  return { blockSize: format.blockSize, blockBytes: format.blockBytes, parts, codeBytes };
}

/**
 * Puts codes into blocks, in place of those that are there.
 * @param codes one for each weight of the blocks
 */
export function writeCodes(bits: CodeBits, codes: Uint8Array, blocks: Uint8Array): void {
  const { blockSize, blockBytes, parts, codeBytes } = bits;
  for (let block = 0, first = 0; first < codes.length; block += blockBytes, first += blockSize) {
    for (const byte of codeBytes) blocks[block + byte] = 0;
    for (let column = 0; column < blockSize; column++) {
      const code = codes[first + column]!;
      for (const { byte, bit, mask, codeBit } of parts[column]!) {
        blocks[block + byte]! |= ((code >> codeBit) & mask) << bit;
      }
    }
  }
}

/** Gives every weight of the blocks the same code. */
export function fillCodes(bits: CodeBits, code: number, blocks: Uint8Array): void {
  const { blockSize, blockBytes, codeBytes } = bits;
  const one = new Uint8Array(blockBytes);
  writeCodes(bits, new Uint8Array(blockSize).fill(code), one);
  for (let block = 0; block < blocks.length; block += blockBytes)
    for (const byte of codeBytes) blocks[block + byte] = one[byte]!;
}
