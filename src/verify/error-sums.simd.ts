// Twin of error-sums.ts: eight f32 lanes over groups of 256 weights, groups added up in f64, rows in order.

// @ts-ignore: decorator
@inline
function sumLanes(lanes: v128): f64 {
  const pairs = f64x2.promote_low_f32x4(lanes);
  const others = f64x2.promote_low_f32x4(i8x16.shuffle(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0));
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1)
    + (f64x2.extract_lane(others, 0) + f64x2.extract_lane(others, 1));
}

function addExactly(a: usize, b: usize, count: i32, out: usize): void {
  let ee = load<f64>(out), aa = load<f64>(out, 8), bb = load<f64>(out, 16);
  for (let i: i32 = 0; i < count; i++) {
    const x = <f64>load<f32>(a + (<usize>i << 2));
    const y = <f64>load<f32>(b + (<usize>i << 2));
    ee += (x - y) * (x - y);
    aa += x * x;
    bb += y * y;
  }
  store<f64>(out, ee);
  store<f64>(out, aa, 8);
  store<f64>(out, bb, 16);
}

function addGroup(a: usize, b: usize, count: i32, out: usize): void {
  let ee0 = f32x4.splat(0), aa0 = f32x4.splat(0), bb0 = f32x4.splat(0);
  let ee1 = f32x4.splat(0), aa1 = f32x4.splat(0), bb1 = f32x4.splat(0);
  const bytes: usize = (<usize>count & ~7) << 2;
  for (let i: usize = 0; i < bytes; i += 32) {
    const x0 = v128.load(a + i), y0 = v128.load(b + i), d0 = f32x4.sub(x0, y0);
    const x1 = v128.load(a + i, 16), y1 = v128.load(b + i, 16), d1 = f32x4.sub(x1, y1);
    ee0 = f32x4.add(ee0, f32x4.mul(d0, d0));
    aa0 = f32x4.add(aa0, f32x4.mul(x0, x0));
    bb0 = f32x4.add(bb0, f32x4.mul(y0, y0));
    ee1 = f32x4.add(ee1, f32x4.mul(d1, d1));
    aa1 = f32x4.add(aa1, f32x4.mul(x1, x1));
    bb1 = f32x4.add(bb1, f32x4.mul(y1, y1));
  }
  const aa = sumLanes(f32x4.add(aa0, aa1)), bb = sumLanes(f32x4.add(bb0, bb1));
  const squares = aa + bb;
  if (squares >= 1e-30 && squares <= 1e30) {
    store<f64>(out, load<f64>(out) + sumLanes(f32x4.add(ee0, ee1)));
    store<f64>(out, load<f64>(out, 8) + aa, 8);
    store<f64>(out, load<f64>(out, 16) + bb, 16);
    addExactly(a + bytes, b + bytes, count & 7, out);
  } else {
    addExactly(a, b, count, out);
  }
}

export function error_sums(a: usize, b: usize, rows: i32, rowLength: i32, out: usize): void {
  for (let row: i32 = 0; row < rows; row++) {
    for (let start: i32 = 0; start < rowLength; start += 256) {
      const count = min<i32>(256, rowLength - start);
      addGroup(a, b, count, out);
      a += <usize>count << 2;
      b += <usize>count << 2;
    }
  }
}

// 1 when every value is finite: x * 0 is NaN for NaN and infinities, and NaN stays in a sum.
export function all_finite(src: usize, count: i32): i32 {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(src), zero));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(src, 16), zero));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(src, 32), zero));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(src, 48), zero));
    src += 64;
  }
  for (; i < count; i++) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load32_splat(src), zero));
    src += 4;
  }
  const sum = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  return i32(i32x4.all_true(f32x4.eq(sum, zero)));
}

// Where this module's static data ends: the first byte a caller may use.
export function heap_base(): usize {
  return __heap_base;
}
