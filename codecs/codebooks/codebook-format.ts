/**
 * The codebook formats: a group of weights is a scale level, a table, and codes into the table.
 *
 *   weight j of a group = levels[s] * tables[t][code j]          one f32 product
 *
 * Tables are int8; the levels are f32 and may be negative (a mirrored table) or zero. Both are learned per tensor, or
 * per expert's slice of one, by `src/fit`. A code stands for one weight, or for a pair of neighbours: then a table is
 * a set of points of the plane, first all first coordinates, then all second ones.
 *
 * Numbers beyond the codebook cannot be reached: tables and levels are padded to 256 with zeros before blocks are
 * decoded, so that a block that names a table or level which does not exist decodes to zeros.
 */
import type { BlockFormat, Codebook, CodebookFormat, Effort, EncodeOptions } from "../codec.ts";
import { withBlockBytes } from "../codec.ts";
import { codebookParts, codeFields, unpackCodes } from "./codebook-codes.ts";
import { encodeCodebook } from "./codebook-encode.ts";
import { prepareCodebook } from "./prepare-codebook.ts";

/** Tables and levels are numbered by one byte each. */
export const MAX_TABLES = 256;
export const MAX_LEVELS = 256;

/** What tells one codebook format from another. */
export interface CodebookShape extends Pick<BlockFormat, "name" | "fallback" | "stockType"> {
  readonly blockSize: 32 | 64;
  readonly codeBits: number;
  readonly dimension: 1 | 2;
}

/** A format of that shape in a few words. */
function aboutCodebook({ blockSize, codeBits, dimension }: CodebookShape): string {
  const entries = 1 << codeBits;
  if (dimension === 1) return `learned tables of ${entries} entries, table and scale level per ${blockSize}`;
  const groups = blockSize === 32 ? "" : `, groups of ${blockSize}`;
  return `learned tables of ${entries} points of the plane, a code per pair of weights${groups}`;
}

/** Makes a codebook format of that shape. */
export function makeCodebookFormat(shape: CodebookShape): CodebookFormat {
  const { blockSize, codeBits, dimension } = shape;
  const tableLength = dimension << codeBits;
  const format: CodebookFormat = withBlockBytes({
    ...shape,
    kind: "codebook" as const,
    about: aboutCodebook(shape),
    tableLength,
    fields: [
      { name: "s", bytes: 1, role: "scale" as const, meaning: "number of the group's scale level" },
      { name: "t", bytes: 1, role: "scale" as const, meaning: "number of the group's table" },
      ...codeFields(shape, blockSize),
    ],
    parts: (column: number) => codebookParts(shape, column),
    bind: (codebook: Codebook, effort: Effort = "normal") => {
      checkCodebook(format, codebook);
      let prepared: Uint8Array | undefined;
      return Object.freeze({
        ...format,
        encode: (src: Float32Array, dst: Uint8Array, options: EncodeOptions) => {
          prepared ??= prepareCodebook(format, codebook, effort);
          encodeCodebook(prepared, src, dst, options);
        },
        decode: decoder(format, codebook),
      });
    },
  });
  return format;
}

/** @throws RangeError when the lengths do not fit the format, or a level is not finite */
export function checkCodebook(format: CodebookFormat, { tables, levels }: Codebook): void {
  const count = tables.length / format.tableLength;
  if (!Number.isInteger(count) || count < 1 || count > MAX_TABLES) {
    throw new RangeError(
      `${format.name}: 1 to ${MAX_TABLES} tables of ${format.tableLength} entries expected, found ${tables.length} entries`,
    );
  }
  if (levels.length < 1 || levels.length > MAX_LEVELS) {
    throw new RangeError(`${format.name}: 1 to ${MAX_LEVELS} scale levels expected, found ${levels.length}`);
  }
  const wrong = levels.findIndex((level) => !Number.isFinite(level));
  if (wrong >= 0) throw new RangeError(`${format.name}: scale level ${wrong} is ${levels[wrong]}, not a finite number`);
}

function decoder(format: CodebookFormat, codebook: Codebook): (src: Uint8Array, dst: Float32Array) => void {
  const { blockSize, blockBytes, codeBits, dimension, tableLength } = format;
  const tables = new Int8Array(MAX_TABLES * tableLength);
  tables.set(codebook.tables);
  const levels = new Float32Array(MAX_LEVELS);
  levels.set(codebook.levels);
  const points = 1 << codeBits;
  return (src, dst) => {
    const codes = new Uint8Array(blockSize / dimension);
    for (let block = 0; block * blockBytes < src.length; block++) {
      const offset = block * blockBytes;
      const level = levels[src[offset]!]!;
      const table = src[offset + 1]! * tableLength;
      unpackCodes({ codeBits, dimension }, blockSize, src, offset + 2, codes);
      let out = block * blockSize;
      for (let j = 0; j < codes.length; j++) {
        for (let d = 0; d < dimension; d++) dst[out++] = level * tables[table + d * points + codes[j]!]!;
      }
    }
  };
}
