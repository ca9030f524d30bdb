/**
 * Weights of every awkward sort, the same in each run: what encoders have to get right beyond the ordinary.
 */

/** A generator of uniform numbers in [0, 1), from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = (seed * 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Gaussian numbers from uniform ones (Box and Muller). */
export function gaussian(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = uniform(seed + 1000);
  return Uint8Array.from({ length }, () => random() * 256);
}

/** A sort of weights. `make` gives `count` of them. */
export interface WeightKind {
  readonly name: string;
  /** False when blocks may hold NaN or infinities, where ggml's bytes are not defined. */
  readonly isFinite: boolean;
  readonly make: (count: number, seed: number) => Float32Array;
}

type Next = (random: () => number, normal: () => number, i: number) => number;

function kind(name: string, next: Next, isFinite = true): WeightKind {
  return {
    name,
    isFinite,
    make: (count, seed) => {
      const random = uniform(seed * 977 + name.length);
      const normal = gaussian(random);
      return Float32Array.from({ length: count }, (_, i) => next(random, normal, i));
    },
  };
}

const pick = <T>(random: () => number, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

/** One number per run of 16 elements, from a hash, so that whole sub-blocks share a magnitude. */
const runExponent = (i: number, span: number): number => ((Math.imul((i >> 4) + 1, 0x9e3779b1) >>> 8) % span) | 0;

export const KINDS: readonly WeightKind[] = [
  kind("Gaussian", (_, normal) => 0.02 * normal()),
  kind("Gaussian with outliers", (random, normal) => 0.02 * normal() * (random() < 0.02 ? 30 : 1)),
  kind("zeros of either sign", (random) => (random() < 0.5 ? 0 : -0)),
  kind("mostly zeros", (random, normal) => (random() < 0.9 ? 0 : normal())),
  kind("constant", () => 0.37),
  kind("negative constant", () => -1.25),
  kind("one sign", (random) => 0.1 + random()),
  kind("other sign", (random) => -0.1 - random()),
  kind("ties: small integers and halves", (random) => Math.round(random() * 32 - 16) / 2),
  kind("ties: opposite extremes", (random) => pick(random, [-8, 8, -4, 4, 0, 1, -1])),
  kind("powers of two", (random) => (random() < 0.5 ? -1 : 1) * 2 ** Math.floor(random() * 40 - 20)),
  kind("every magnitude", (_, normal, i) => normal() * 2 ** (runExponent(i, 250) - 130)),
  kind(
    "just below powers of two",
    (random, _, i) => (1 - Math.floor(random() * 50) * 2 ** -24) * 2 ** (runExponent(i, 200) - 110),
  ),
  kind("tiny", (_, normal) => normal() * 1e-15),
  kind("subnormal halves", (_, normal) => normal() * 1e-6),
  kind("subnormal", (_, normal) => normal() * 1e-40),
  kind("smallest subnormals", (random) => Math.round(random() * 6 - 3) * 2 ** -149),
  kind("huge", (random) => (random() - 0.5) * 6e38),
  kind("beyond halves", (_, normal) => normal() * 1e6),
  kind("some infinite", (random, normal) => (random() < 0.02 ? pick(random, [Infinity, -Infinity]) : normal()), false),
  kind("some NaN", (random, normal) => (random() < 0.02 ? NaN : normal()), false),
  kind("all NaN or infinite", (random) => pick(random, [NaN, Infinity, -Infinity]), false),
];

/** Importance rows: ordinary, with zeros, all zero, and spread over many magnitudes. */
export function importanceOf(rowLength: number): Float32Array[] {
  const random = uniform(rowLength);
  const normal = gaussian(random);
  return [
    Float32Array.from({ length: rowLength }, () => normal() ** 2),
    Float32Array.from({ length: rowLength }, () => (random() < 0.3 ? 0 : random())),
    new Float32Array(rowLength),
    Float32Array.from({ length: rowLength }, () => 2 ** (random() * 60 - 30)),
  ];
}
