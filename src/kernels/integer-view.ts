/**
 * What a kernel sees of a block: small integers, and a few f32 that scale their sums.
 *
 * A block is cut into steps of `stepSize` weights; one step is one f32 product per activation row:
 *
 *   y += (d * a) * sum(values * codes)  -  (m * a) * sum(minima * sums)
 *
 * with `codes` the int8 activations, `a` their scale, `sums` the sums of each 16 of them. Integer scales of sub-blocks
 * are multiplied into `values` and `minima` (both stay well within 16 bits), so the inner sums are exact integers in
 * any order: below 2^31 for every format, the largest being 256 * 127 * 128 * 32 (q6_K).
 *
 * One view per family of formats, in `views/`. The SIMD twins fill the same tile with the same numbers.
 */
import type { Codebook } from "../../codecs/codec.ts";

/** The 8-bit formats that activations are quantized to: blocks of 32, or super-blocks of 256 with sums. */
export type ActivationKind = "q8_0" | "q8_K";

/** Weights per activation block. */
export const ACTIVATION_BLOCK: Readonly<Record<ActivationKind, number>> = { q8_0: 32, q8_K: 256 };

/** Weights that share one entry of `minima` and of the activations' sums. */
export const SUM_SIZE = 16;

/** One block as integers: room for the largest block (256 weights) and the most steps (8). */
export interface IntegerTile {
  /** Codes times integer scale, `blockSize` of them. */
  readonly values: Int16Array;
  /** Scale of each step. */
  readonly d: Float32Array;
  /** Scale of each step's minima; only read when the view has minima. */
  readonly m: Float32Array;
  /** Integer minimum of each 16 weights. */
  readonly minima: Int16Array;
}

/** An empty tile, to be filled again for each block. */
export function makeTile(): IntegerTile {
  return {
    values: new Int16Array(256),
    d: new Float32Array(8),
    m: new Float32Array(8),
    minima: new Int16Array(256 / SUM_SIZE),
  };
}

/** How a family of formats becomes integers. */
export interface IntegerView {
  readonly activation: ActivationKind;
  /** Weights per f32 product; divides the block and the activation block. */
  readonly stepSize: number;
  readonly hasMinima: boolean;
  /**
   * Fills the tile from one row-major block.
   * @param codebook padded tables and levels, for codebook formats
   */
  readonly read: (block: Uint8Array, byteOffset: number, tile: IntegerTile, codebook?: Codebook) => void;
}

/** A view of formats with one scale per step of 32 (or fewer) and no minima. */
export function plainView(activation: ActivationKind, stepSize: number, read: IntegerView["read"]): IntegerView {
  return Object.freeze({ activation, stepSize, hasMinima: false, read });
}
