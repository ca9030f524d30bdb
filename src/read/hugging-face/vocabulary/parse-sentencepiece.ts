/**
 * A SentencePiece model (`tokenizer.model`): a protocol buffer, of which a few fields matter.
 *
 *   ModelProto      1: SentencePiece, repeated; 2: TrainerSpec; 3: NormalizerSpec
 *   SentencePiece   1: text, 2: f32 score, 3: kind (1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte)
 *   TrainerSpec     3: kind of model (1 unigram, 2 pairs)
 *   NormalizerSpec  1: name, 2: precompiled map of characters, 3: adds a space in front, 4: removes extra spaces
 */
import { QuantizeError } from "../../../errors.ts";
import { decodeText } from "../../lossless-utf8.ts";
import { TOKEN_KIND } from "./token-list.ts";

export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly kind: number;
}

/** What a model says of itself; what it leaves out is as SentencePiece takes it. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  readonly isUnigram: boolean;
  /** Name of the normalization: `identity` changes nothing. */
  readonly normalization: string;
  readonly charactersMap: Uint8Array;
  readonly addsSpaceInFront: boolean;
  readonly removesExtraSpaces: boolean;
}

/** A part of the file being read. */
interface Span {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;
}

/**
 * Reads a model; its pieces come in the order of their ids.
 * @param where the file, for error messages
 * @throws QuantizeError `bad-format` with the byte offset
 */
export function parseSentencePiece(bytes: Uint8Array, where: string): SentencePieceModel {
  const pieces: Piece[] = [];
  const trainer = new Map<number, number | Span>();
  const normalizer = new Map<number, number | Span>();
  eachField({ bytes, position: 0, end: bytes.length }, where, (field, value) => {
    if (typeof value !== "object") return;
    if (field === 1) pieces.push(parsePiece(value, where));
    if (field === 2) eachField(value, where, (key, inner) => void trainer.set(key, inner));
    if (field === 3) eachField(value, where, (key, inner) => void normalizer.set(key, inner));
  });
  if (pieces.length === 0) {
    throw new QuantizeError("bad-format", `${where}: expected a SentencePiece model, found none`);
  }
  const [name, map] = [normalizer.get(1), normalizer.get(2)];
  return {
    pieces,
    isUnigram: (trainer.get(3) ?? 1) === 1,
    normalization: typeof name === "object" ? decodeText(bytes, name.position, name.end) : "",
    charactersMap: typeof map === "object" ? bytes.slice(map.position, map.end) : new Uint8Array(0),
    addsSpaceInFront: normalizer.get(3) !== 0,
    removesExtraSpaces: normalizer.get(4) !== 0,
  };
}

function parsePiece(span: Span, where: string): Piece {
  let text = "";
  let score = 0;
  let kind: number = TOKEN_KIND.normal;
  const view = new DataView(span.bytes.buffer, span.bytes.byteOffset, span.bytes.byteLength);
  eachField(span, where, (field, value) => {
    if (field === 1 && typeof value === "object") text = decodeText(span.bytes, value.position, value.end);
    if (field === 2 && typeof value === "object" && value.end - value.position === 4) {
      score = view.getFloat32(value.position, true);
    }
    if (field === 3 && typeof value === "number") kind = value;
  });
  return { text, score, kind };
}

/** Calls back for each field: varints as numbers, everything else as the span of its bytes. */
function eachField(span: Span, where: string, visit: (field: number, value: number | Span) => void): void {
  while (span.position < span.end) {
    const tag = readVarint(span, where);
    const wire = tag % 8;
    if (wire === 0) {
      visit(Math.floor(tag / 8), readVarint(span, where));
      continue;
    }
    if (wire !== 1 && wire !== 2 && wire !== 5) throw broken(span, where, "wire type 0, 1, 2 or 5", String(wire));
    const length = wire === 2 ? readVarint(span, where) : wire === 1 ? 8 : 4;
    if (length > span.end - span.position) {
      throw broken(span, where, `at most ${span.end - span.position} bytes`, String(length));
    }
    const end = span.position + length;
    visit(Math.floor(tag / 8), { bytes: span.bytes, position: span.position, end });
    span.position = end;
  }
}

/** A varint below 2^53; longer ones (negative numbers) are read to their end and come out rounded. */
function readVarint(span: Span, where: string): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (span.position >= span.end) throw broken(span, where, "another byte of a number", "the end");
    const byte = span.bytes[span.position++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw broken(span, where, "a number of at most 10 bytes", "more");
}

function broken(span: Span, where: string, expected: string, found: string): QuantizeError {
  return new QuantizeError("bad-format", `${where}: byte ${span.position}: expected ${expected}, found ${found}`);
}
