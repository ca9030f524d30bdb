/** Adding and subtracting this rounds an f32 below 2^22 in magnitude to the nearest integer, ties to even. */
const ROUNDER = 12582912;
const { fround } = Math;

/** The nearest integer of an f32 below 2^22 in magnitude, ties to even. */
export function nearestInteger(value: number): number {
  return fround(fround(value + ROUNDER) - ROUNDER);
}
