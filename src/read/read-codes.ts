/** Arrays of codes of a few bits, as f32: packed integers with a zero and a scale, and codes of a table. */
import { resolveCodec } from "../../codecs/registry.ts";
import type { ByteSource } from "./byte-source.ts";
import type { PackedArray, PackedIntegers, StoredNumbers, TableArray } from "./stored-array.types.ts";

const fround = Math.fround;

/** Values of all bytes of a format, by its name. */
const byteTables = new Map<string, Float32Array>();

function byteTable(codec: string): Float32Array {
  const known = byteTables.get(codec);
  if (known !== undefined) return known;
  const table = new Float32Array(256);
  resolveCodec(codec).decode(
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    table,
  );
  byteTables.set(codec, table);
  return table;
}

/** Numbers `[first, first + out.length)` as f32. */
export function readNumbers(
  source: ByteSource,
  { extent, codec }: StoredNumbers,
  first: number,
  out: Float32Array,
): void {
  const { decode, blockBytes } = resolveCodec(codec);
  const bytes = new Uint8Array(out.length * blockBytes);
  source.read(extent, first * blockBytes, bytes);
  if (blockBytes !== 1) return decode(bytes, out);
  const table = byteTable(codec);
  for (let i = 0; i < bytes.length; i++) out[i] = table[bytes[i]!]!;
}

/** Fills a window of columns of one row; what belongs to several rows is read once. */
type RowReader = (row: number, out: Float32Array) => void;

/** Reads packed integers of columns `[from, from + count)`. */
function integerReader(
  source: ByteSource,
  packed: PackedIntegers,
  bits: number,
  from: number,
  count: number,
): RowReader {
  const { extent, along, wordsPerRow, order } = packed;
  const perWord = 32 / bits;
  const mask = 2 ** bits - 1;
  const byRows = along === "rows";
  const firstWord = byRows ? from : Math.floor(from / perWord);
  const words = new Uint32Array((byRows ? from + count : Math.ceil((from + count) / perWord)) - firstWord);
  const bytes = new Uint8Array(words.buffer);
  let loaded = -1;
  // Words hold a power of two of fields.
  const wordBits = Math.log2(perWord);
  const shifts = Int32Array.from({ length: perWord }, (_, place) => bits * (order?.[place] ?? place));
  return (row, out) => {
    const wordRow = byRows ? row >>> wordBits : row;
    if (wordRow !== loaded) source.read(extent, 4 * (wordRow * wordsPerRow + firstWord), bytes);
    loaded = wordRow;
    if (byRows) {
      const shift = shifts[row & (perWord - 1)]!;
      for (let i = 0; i < count; i++) out[i] = (words[i]! >>> shift) & mask;
      return;
    }
    const start = from - (firstWord << wordBits);
    for (let i = 0; i < count; i++) {
      const at = start + i;
      out[i] = (words[at >>> wordBits]! >>> shifts[at & (perWord - 1)]!) & mask;
    }
  };
}

/** Reads scales and zeros of a window of columns: of the group of a row, or of each column's group. */
function groupReader(source: ByteSource, array: PackedArray, from: number, count: number) {
  const { bits, rows, columns, groupsAlong, groupSize, groupIndex, scales, zeros, zero } = array;
  const byRows = groupsAlong === "rows";
  const groups = groupIndex === undefined ? undefined : new Int32Array(byRows ? rows : columns);
  if (groups !== undefined) source.read(groupIndex!, 0, new Uint8Array(groups.buffer));
  const groupOf = (index: number) => groups?.[index] ?? Math.floor(index / groupSize);
  // Along columns a row of scales is short, so all of it is read.
  const width = byRows ? count : Math.ceil(columns / groupSize);
  const start = byRows ? from : 0;
  const readZeros = zeros === undefined ? undefined : integerReader(source, zeros, bits, start, width);
  const rowScales = new Float32Array(width);
  const rowZeros = new Float32Array(width);
  const places = new Int32Array(count);
  for (let i = 0; i < count; i++) places[i] = byRows ? i : groupOf(from + i);
  const result = { scale: new Float32Array(count), zero: new Float32Array(count).fill(zero) };
  let loaded = -1;
  return (row: number): typeof result => {
    const line = byRows ? groupOf(row) : row;
    if (line === loaded) return result;
    loaded = line;
    readNumbers(source, scales, line * (byRows ? columns : width) + start, rowScales);
    readZeros?.(line, rowZeros);
    const { scale, zero: zeroOf } = result;
    for (let i = 0; i < count; i++) scale[i] = rowScales[places[i]!]!;
    if (readZeros !== undefined) for (let i = 0; i < count; i++) zeroOf[i] = rowZeros[places[i]!]! + zero;
    return result;
  };
}

/** Reads `(code - zero) * scale` of columns `[from, from + count)` of any row. */
function packedReader(source: ByteSource, array: PackedArray, from: number, count: number): RowReader {
  const readCodes = integerReader(source, array.codes, array.bits, from, count);
  const groupOf = groupReader(source, array, from, count);
  return (row, out) => {
    readCodes(row, out);
    const { scale, zero } = groupOf(row);
    for (let i = 0; i < count; i++) out[i] = fround((out[i]! - zero[i]!) * scale[i]!);
  };
}

/**
 * Reads runs of a packed array: `runs` of `out.length / runs` neighbours, `stride` elements apart. Runs within
 * columns that are the same in every row (a transposed matrix) share what is read.
 */
export function readPacked(
  source: ByteSource,
  array: PackedArray,
  first: number,
  runs: number,
  stride: number,
  out: Float32Array,
): void {
  const { columns } = array;
  const count = out.length / runs;
  const [firstRow, from] = [Math.floor(first / columns), first % columns];
  if (stride % columns === 0 && from + count <= columns) {
    const read = packedReader(source, array, from, count);
    for (let run = 0; run < runs; run++) {
      read(firstRow + (run * stride) / columns, out.subarray(run * count, (run + 1) * count));
    }
    return;
  }
  for (let run = 0; run < runs; run++) {
    readRun(source, array, first + run * stride, out.subarray(run * count, (run + 1) * count));
  }
}

/** One run, which may begin and end within rows. */
function readRun(source: ByteSource, array: PackedArray, first: number, out: Float32Array): void {
  const { columns } = array;
  let whole: RowReader | undefined;
  for (let done = 0; done < out.length;) {
    const [row, column] = [Math.floor((first + done) / columns), (first + done) % columns];
    const count = Math.min(columns - column, out.length - done);
    const isWhole = count === columns;
    const read = isWhole
      ? (whole ??= packedReader(source, array, 0, columns))
      : packedReader(source, array, column, count);
    read(row, out.subarray(done, done + count));
    done += count;
  }
}

/** Table entry times the scale of the block. */
export function readTable(source: ByteSource, array: TableArray, first: number, out: Float32Array): void {
  const { codes, blockSize } = array;
  const table = new Float32Array(16);
  readNumbers(source, array.table, 0, table);
  const firstByte = Math.floor(first / 2);
  const bytes = new Uint8Array(Math.ceil((first + out.length) / 2) - firstByte);
  source.read(codes, firstByte, bytes);
  const firstBlock = Math.floor(first / blockSize);
  const scales = readTableScales(source, array, firstBlock, Math.ceil((first + out.length) / blockSize) - firstBlock);
  for (let i = 0; i < out.length; i++) {
    const byte = bytes[Math.floor((first + i) / 2) - firstByte]!;
    const code = (first + i) % 2 === 0 ? byte >> 4 : byte & 15;
    out[i] = fround(table[code]! * scales[Math.floor((first + i) / blockSize) - firstBlock]!);
  }
}

/** Scales of blocks: as they are stored, or looked up themselves. */
function readTableScales(
  source: ByteSource,
  { scales, scaleTable }: TableArray,
  first: number,
  count: number,
): Float32Array {
  const out = new Float32Array(count);
  if (scaleTable === undefined) {
    readNumbers(source, scales, first, out);
    return out;
  }
  const { blockSize, offset } = scaleTable;
  const table = new Float32Array(256);
  readNumbers(source, scaleTable.table, 0, table);
  const codes = new Uint8Array(count);
  source.read(scales.extent, first, codes);
  const firstOuter = Math.floor(first / blockSize);
  const outer = new Float32Array(Math.ceil((first + count) / blockSize) - firstOuter);
  readNumbers(source, scaleTable.scales, firstOuter, outer);
  for (let i = 0; i < count; i++) {
    const scale = outer[Math.floor((first + i) / blockSize) - firstOuter]!;
    out[i] = fround(fround(table[codes[i]!]! * scale) + offset);
  }
  return out;
}
