// A prepared codebook in memory: twin of ../prepared-codebook.ts. First the header, its WORD table in bytes.
export const GROUP_SIZE: usize = 0;
export const POINTS: usize = 4;
export const DIMENSION: usize = 8;
export const TABLE_COUNT: usize = 12;
export const LEVEL_COUNT: usize = 16;
export const TRIALS: usize = 20;
export const REFINED: usize = 24;
export const ZERO_LEVEL: usize = 28;
export const MIRRORED: usize = 32;
export const ZERO_BLOCK: usize = 36;
export const TABLES: usize = 40;
export const LEVELS: usize = 44;
export const THRESHOLDS: usize = 48;
export const ERRORS: usize = 52;
export const SCRATCH: usize = 56;
export const ROW_BYTES: usize = 60;
export const BINS: usize = 64;
export const CODE_BITS: usize = 68;
export const WITHOUT_LEVELS: usize = 72;
export const INNER_BINS: usize = 76;
export const OUTER_BINS: usize = 80;
export const BIN_OFFSET: usize = 84;
export const ROUGH_THRESHOLDS: usize = 88;
export const SORTED_LEVELS: usize = 92;
export const TRIAL_SCALES: usize = 96;
export const TRIAL_FACTORS: usize = 176;

/** The error that stands for any larger one, and the entry near which a group's largest weight falls. */
export const MAX_ERROR: i32 = 255;
export const PEAK_ENTRY: f64 = 120;

// The scratch, twin of ../search-scratch.ts, in bytes from its start: room for 64 weights each.
export const X: usize = 0; // f32, the group over its largest weight
export const ERROR_WEIGHTS: usize = 256; // f32, importance over its largest
export const CODE_WEIGHTS: usize = 512; // u8 per code, the same in 8 bits; of pairs the mean
export const ROWS: usize = 640; // u32 per code, where its error row begins
export const UNITS: usize = 896; // i16, weights in table units, whole or in 1/64
export const ENTRIES: usize = 1024; // i16, per weight, the entries that the codes stand for
export const CODES: usize = 1152; // u8, under trial
export const BEST_CODES: usize = 1216; // u8, and with these the choice:
export const LEAST_ERRORS: usize = 1280; // i16 x 16, per lane, the least error so far
export const WINNERS: usize = 1312; // i16 x 16, per lane, who has it: trial << 8 | table
export const LEVEL: usize = 1344; // i32, i32, f32, f32
export const TABLE: usize = 1348;
export const SCALE: usize = 1352;
export const ERROR: usize = 1356;

// Adding and subtracting this rounds an f32 below 2^22 to the nearest integer, ties to even; in between, the integer
// lies in the low bits.
const ROUNDER: f32 = 12582912;
const ROUNDER_BITS: i32 = 0x4b400000;

/** A word of the header. */
// @ts-ignore: decorator
@inline
export function word(prepared: usize, at: usize): i32 {
  return load<i32>(prepared + at);
}

/** The nearest integers of magnitudes below 2^22, ties to even. */
// @ts-ignore: decorator
@inline
export function nearestIntegers(values: v128): v128 {
  return i32x4.sub(f32x4.add(values, f32x4.splat(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}

/** Sum of four lanes. */
// @ts-ignore: decorator
@inline
export function sumIntegers(v: v128): i32 {
  const half = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 2, 3));
  return i32x4.extract_lane(half, 0) + i32x4.extract_lane(half, 1);
}

/** Sum of four lanes in the order of the definition. */
// @ts-ignore: decorator
@inline
export function sumFloats(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
