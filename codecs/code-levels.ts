/** What stored codes stand for, in the ways that several formats share. */

/** Codes of so many bits for the whole numbers from `least` on. */
export function consecutiveLevels(bits: number, least: number): readonly number[] {
  return Array.from({ length: 2 ** bits }, (_, code) => least + code);
}

/** Codes that are two's complement numbers of so many bits. */
export function signedLevels(bits: number): readonly number[] {
  const half = 2 ** (bits - 1);
  return Array.from({ length: 2 * half }, (_, code) => (code < half ? code : code - 2 * half));
}
