/**
 * Byte-level vocabularies write each byte as a character that can be seen: printable bytes of Latin-1 as themselves,
 * the others as U+0100 and following, in order. A space is `Ġ`, a line end `Ċ`. (GPT-2's `bytes_to_unicode`.)
 */

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++));
})();

const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** The byte that a character stands for, or undefined. */
export function byteOfCharacter(character: string): number | undefined {
  return BYTES.get(character);
}
