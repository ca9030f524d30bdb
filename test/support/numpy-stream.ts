/**
 * The numbers of numpy's `default_rng(seed).standard_normal(n, dtype=float32)`: PCG64 (XSL RR, 128 bits of state),
 * seeded through SeedSequence, and the ziggurat of 256 layers. Fixtures name files made with it by their SHA-256, and
 * so the same bytes can be made here.
 */

const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** Eight 32-bit words from a seed below 2^32. */
function seedWords(seed: number): number[] {
  let constant = 0x43b0d7e5;
  const hash = (value: number) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> 16);
  };
  const mix = (x: number, y: number) => {
    const difference = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
    return difference ^ (difference >>> 16);
  };
  const pool = [seed, 0, 0, 0].map(hash);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to]!, hash(pool[from]!));
  }
  let output = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, i) => {
    const mixed = pool[i % 4]! ^ output;
    output = Math.imul(output, 0x58f38ded);
    const product = Math.imul(mixed, output);
    return (product ^ (product >>> 16)) >>> 0;
  });
}

/** PCG64, 32 bits at a time: the lower half of a 64-bit number, then the upper. */
function pcg64(seed: number): () => number {
  const words = seedWords(seed).map(BigInt);
  const pair = (i: number) => (words[2 * i + 1]! << 32n) | words[2 * i]!;
  const increment = (((((pair(2) << 64n) | pair(3)) << 1n) & MASK_128) | 1n) & MASK_128;
  const step = (state: bigint) => (state * MULTIPLIER + increment) & MASK_128;
  let state = step((step(0n) + ((pair(0) << 64n) | pair(1))) & MASK_128);
  let upper: number | undefined;
  return () => {
    if (upper !== undefined) {
      const value = upper;
      upper = undefined;
      return value;
    }
    state = step(state);
    const folded = (state >> 64n) ^ (state & MASK_64);
    const turn = state >> 122n;
    const value = ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
    upper = Number(value >> 32n);
    return Number(value & 0xffffffffn);
  };
}

/** Where the tail begins, and the area of a layer. */
const TAIL = 3.6541528853610088;
const AREA = 0.004928673233974655;

/** Widths, thresholds and heights of the layers, in the precision of f32. */
function layers() {
  const [widths, thresholds, heights] = [new Float32Array(256), new Uint32Array(256), new Float32Array(256)];
  const steps = 2 ** 23;
  let edge = TAIL;
  const base = AREA / Math.exp(-0.5 * edge * edge);
  thresholds[0] = (edge / base) * steps;
  widths[0] = base / steps;
  widths[255] = edge / steps;
  heights[0] = 1;
  heights[255] = Math.exp(-0.5 * edge * edge);
  for (let i = 254; i >= 1; i--) {
    const next = Math.sqrt(-2 * Math.log(AREA / edge + Math.exp(-0.5 * edge * edge)));
    thresholds[i + 1] = (next / edge) * steps;
    edge = next;
    heights[i] = Math.exp(-0.5 * edge * edge);
    widths[i] = edge / steps;
  }
  return { widths, thresholds, heights };
}

/** The first `count` numbers of the stream. */
export function standardNormals(seed: number, count: number): Float32Array {
  const next = pcg64(seed);
  const uniform = () => Math.fround((next() >>> 8) / 2 ** 24);
  const { widths, thresholds, heights } = layers();
  const fround = Math.fround;
  const draw = (): number => {
    for (;;) {
      const bits = next();
      const layer = bits & 255;
      const magnitude = (bits >>> 9) & 0x7fffff;
      const x = fround(fround(magnitude) * widths[layer]!) * (bits & 256 ? -1 : 1);
      if (magnitude < thresholds[layer]!) return x;
      if (layer === 0) {
        for (;;) {
          const along = fround(fround(-1 / TAIL) * fround(Math.log1p(-uniform())));
          const height = fround(-Math.log1p(-uniform()));
          if (fround(height + height) > fround(along * along)) {
            const value = fround(fround(TAIL) + along);
            return (magnitude >>> 8) & 1 ? -value : value;
          }
        }
      }
      const within = fround(fround(fround(heights[layer - 1]! - heights[layer]!) * uniform()) + heights[layer]!);
      if (within < Math.exp(-0.5 * x * x)) return x;
    }
  };
  return Float32Array.from({ length: count }, draw);
}
