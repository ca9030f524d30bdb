/** A SentencePiece model of these pieces, as a protocol buffer. */
export function sentencePieceFile(pieces: readonly { text: string; score: number; kind: number }[]): Uint8Array {
  const bytes: number[] = [];
  for (const { text, score, kind } of pieces) {
    const utf8 = [...new TextEncoder().encode(text)];
    const f32 = [...new Uint8Array(Float32Array.of(score).buffer)];
    const piece = [0x0a, ...varint(utf8.length), ...utf8, 0x15, ...f32, ...(kind === 1 ? [] : [0x18, kind])];
    bytes.push(0x0a, ...varint(piece.length), ...piece);
  }
  // A field of another kind, as trainers write them behind the pieces.
  return Uint8Array.from([...bytes, 0x12, 2, 0x18, 1]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}
