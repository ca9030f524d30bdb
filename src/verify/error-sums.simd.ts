// Twin of error-sums.ts: sums over a band, in f64, two lanes of even and odd elements, added at the end.
// out[0] += sum (a-b)^2, out[1] += sum a^2, out[2] += sum a*b, out[3] += sum b^2.
export function error_sums(a: usize, b: usize, count: i32, out: usize): void {
  let ee = f64x2.splat(0), aa = f64x2.splat(0), ab = f64x2.splat(0), bb = f64x2.splat(0);
  for (let i: i32 = 0; i < count; i += 2) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(a + (<usize>i << 2)));
    const y = f64x2.promote_low_f32x4(v128.load64_zero(b + (<usize>i << 2)));
    const d = f64x2.sub(x, y);
    ee = f64x2.add(ee, f64x2.mul(d, d));
    aa = f64x2.add(aa, f64x2.mul(x, x));
    ab = f64x2.add(ab, f64x2.mul(x, y));
    bb = f64x2.add(bb, f64x2.mul(y, y));
  }
  store<f64>(out, load<f64>(out) + (f64x2.extract_lane(ee, 0) + f64x2.extract_lane(ee, 1)));
  store<f64>(out + 8, load<f64>(out + 8) + (f64x2.extract_lane(aa, 0) + f64x2.extract_lane(aa, 1)));
  store<f64>(out + 16, load<f64>(out + 16) + (f64x2.extract_lane(ab, 0) + f64x2.extract_lane(ab, 1)));
  store<f64>(out + 24, load<f64>(out + 24) + (f64x2.extract_lane(bb, 0) + f64x2.extract_lane(bb, 1)));
}
