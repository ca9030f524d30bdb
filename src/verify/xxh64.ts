/**
 * XXH64 (seed 0), the hash in reports and manifests: fast enough to run over every byte that is read and written,
 * strong enough to find damage and mix-ups, and available everywhere (`xxhsum -H1`). It is no signature.
 *
 * Definition: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. 64-bit words are kept as two unsigned
 * 32-bit halves, since BigInt is some hundred times slower.
 *
 * A tensor's hash is the XXH64 of its bands' XXH64 values, each as 8 little-endian bytes, in band order (`bands.ts`);
 * so bands can be hashed by different threads. A model's hash is made of its tensors' hashes in the same way.
 */

/** Bytes of a hash under way: accumulators (32), total length (8), bytes waiting for a full stripe (32). */
export const XXH64_STATE_BYTES = 72;

const PRIME1 = 0x9e3779b185ebca87n;
const PRIME2 = 0xc2b2ae3d27d4eb4fn;
const PRIME3 = 0x165667b19e3779f9n;
const PRIME4 = 0x85ebca77c2b2ae63n;
const PRIME5 = 0x27d4eb2f165667c5n;

const low = (value: bigint): number => Number(value & 0xffffffffn);
const high = (value: bigint): number => Number((value >> 32n) & 0xffffffffn);
const P1L = low(PRIME1);
const P1H = high(PRIME1);
const P2L = low(PRIME2);
const P2H = high(PRIME2);

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  // Both sums stay below 2^33: exact as numbers, so they are divided and not shifted.
  const carry = a0 * b1 + (middle % 0x10000);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Starts a hash in `state` (`XXH64_STATE_BYTES` bytes). */
export function xxh64Start(state: Uint8Array): void {
  const view = new DataView(state.buffer, state.byteOffset, XXH64_STATE_BYTES);
  view.setBigUint64(0, BigInt.asUintN(64, PRIME1 + PRIME2), true);
  view.setBigUint64(8, PRIME2, true);
  view.setBigUint64(16, 0n, true);
  view.setBigUint64(24, BigInt.asUintN(64, -PRIME1), true);
  view.setBigUint64(32, 0n, true);
}

/** One stripe: 32 bytes at `offset` of `bytes` go into the four accumulators of `view`. */
function addStripe(view: DataView, bytes: DataView, offset: number): void {
  for (let lane = 0; lane < 32; lane += 8) {
    const inputLow = bytes.getUint32(offset + lane, true);
    const inputHigh = bytes.getUint32(offset + lane + 4, true);
    // acc += input * PRIME2
    const productLow = Math.imul(inputLow, P2L) >>> 0;
    const productHigh = (mulHigh(inputLow, P2L) + Math.imul(inputHigh, P2L) + Math.imul(inputLow, P2H)) >>> 0;
    const sumLow = view.getUint32(lane, true) + productLow;
    const accLow = sumLow >>> 0;
    const accHigh = (view.getUint32(lane + 4, true) + productHigh + (sumLow > 0xffffffff ? 1 : 0)) >>> 0;
    // acc = rotl(acc, 31) * PRIME1
    const rotatedLow = ((accLow << 31) | (accHigh >>> 1)) >>> 0;
    const rotatedHigh = ((accHigh << 31) | (accLow >>> 1)) >>> 0;
    view.setUint32(lane, Math.imul(rotatedLow, P1L), true);
    view.setUint32(lane + 4, mulHigh(rotatedLow, P1L) + Math.imul(rotatedHigh, P1L) + Math.imul(rotatedLow, P1H), true);
  }
}

/** Adds bytes to a hash. Any split into calls gives the same hash. */
export function xxh64Add(state: Uint8Array, bytes: Uint8Array): void {
  const view = new DataView(state.buffer, state.byteOffset, XXH64_STATE_BYTES);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const total = view.getBigUint64(32, true);
  view.setBigUint64(32, total + BigInt(bytes.length), true);
  let waiting = Number(total & 31n);
  let offset = 0;
  if (waiting > 0) {
    offset = Math.min(32 - waiting, bytes.length);
    state.set(bytes.subarray(0, offset), 40 + waiting);
    waiting += offset;
    if (waiting < 32) return;
    addStripe(view, view, 40);
  }
  for (; offset + 32 <= bytes.length; offset += 32) addStripe(view, data, offset);
  state.set(bytes.subarray(offset), 40);
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotl = (value: bigint, bits: bigint): bigint => u64((value << bits) | (u64(value) >> (64n - bits)));
const round = (acc: bigint, input: bigint): bigint => u64(rotl(u64(acc + input * PRIME2), 31n) * PRIME1);

/** The hash of all bytes added so far. */
export function xxh64Finish(state: Uint8Array): bigint {
  const view = new DataView(state.buffer, state.byteOffset, XXH64_STATE_BYTES);
  const total = view.getBigUint64(32, true);
  let hash = PRIME5;
  if (total >= 32n) {
    const lanes = [0, 8, 16, 24].map((lane) => view.getBigUint64(lane, true));
    hash = u64(lanes.reduce((sum, acc, i) => sum + rotl(acc, [1n, 7n, 12n, 18n][i]!), 0n));
    for (const acc of lanes) hash = u64((hash ^ round(0n, acc)) * PRIME1 + PRIME4);
  }
  hash = u64(hash + total);
  const end = 40 + Number(total & 31n);
  let offset = 40;
  for (; offset + 8 <= end; offset += 8) {
    hash = u64(rotl(hash ^ round(0n, view.getBigUint64(offset, true)), 27n) * PRIME1 + PRIME4);
  }
  if (offset + 4 <= end) {
    hash = u64(rotl(hash ^ u64(BigInt(view.getUint32(offset, true)) * PRIME1), 23n) * PRIME2 + PRIME3);
    offset += 4;
  }
  for (; offset < end; offset++) {
    hash = u64(rotl(hash ^ u64(BigInt(view.getUint8(offset)) * PRIME5), 11n) * PRIME1);
  }
  hash = u64((hash ^ (hash >> 33n)) * PRIME2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME3);
  return hash ^ (hash >> 32n);
}

/** XXH64 of some bytes. */
export function xxh64(bytes: Uint8Array): bigint {
  const state = new Uint8Array(XXH64_STATE_BYTES);
  xxh64Start(state);
  xxh64Add(state, bytes);
  return xxh64Finish(state);
}

/** The hash of hashes: of bands to a tensor, of tensors to a model. */
export function combineHashes(hashes: readonly bigint[]): bigint {
  return xxh64(new Uint8Array(BigUint64Array.from(hashes).buffer));
}

/** 16 hexadecimal digits, as `xxhsum` prints them. */
export function formatHash(hash: bigint): string {
  return hash.toString(16).padStart(16, "0");
}
