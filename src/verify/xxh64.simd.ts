// Twin of xxh64Add in xxh64.ts, over the same 72-byte state: accumulators, total length, bytes that wait for a stripe.
// Four independent chains of 64-bit multiplications: about 4 bytes a cycle without vectors.
const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;

// @ts-ignore: decorator
@inline
function round(acc: u64, input: u64): u64 {
  return rotl<u64>(acc + input * P2, 31) * P1;
}

function stripes(state: usize, src: usize, count: usize): void {
  let a = load<u64>(state), b = load<u64>(state, 8), c = load<u64>(state, 16), d = load<u64>(state, 24);
  const end = src + (count << 5);
  for (; src < end; src += 32) {
    a = round(a, load<u64>(src));
    b = round(b, load<u64>(src, 8));
    c = round(c, load<u64>(src, 16));
    d = round(d, load<u64>(src, 24));
  }
  store<u64>(state, a);
  store<u64>(state, b, 8);
  store<u64>(state, c, 16);
  store<u64>(state, d, 24);
}

export function xxh64_add(state: usize, src: usize, bytes: usize): void {
  const total = load<u64>(state, 32);
  store<u64>(state, total + <u64>bytes, 32);
  const waiting = <usize>(total & 31);
  if (waiting > 0) {
    const taken = min<usize>(32 - waiting, bytes);
    memory.copy(state + 40 + waiting, src, taken);
    if (waiting + taken < 32) return;
    stripes(state, state + 40, 1);
    src += taken;
    bytes -= taken;
  }
  stripes(state, src, bytes >> 5);
  memory.copy(state + 40, src + (bytes & ~31), bytes & 31);
}
