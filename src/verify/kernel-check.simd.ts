// Twin of addProductErrors in kernel-check.ts: element i of a row is summed in lane i mod 4, in f64, then
// (lane 0 + lane 2) + (lane 1 + lane 3).
export function product_errors(x: usize, weights: usize, found: usize, rows: i32, rowLength: i32, out: usize): void {
  const whole = <usize>(rowLength & ~3) << 2, end = <usize>rowLength << 2;
  let difference = load<f64>(out), total = load<f64>(out, 8), squares = load<f64>(out, 16);
  for (let row: usize = 0; row < <usize>rows; row++, weights += end) {
    let even = f64x2.splat(0), odd = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const w0 = f64x2.promote_low_f32x4(v128.load64_zero(weights + i));
      const w1 = f64x2.promote_low_f32x4(v128.load64_zero(weights + i, 8));
      even = f64x2.add(even, f64x2.mul(w0, f64x2.promote_low_f32x4(v128.load64_zero(x + i))));
      odd = f64x2.add(odd, f64x2.mul(w1, f64x2.promote_low_f32x4(v128.load64_zero(x + i, 8))));
    }
    const sums = f64x2.add(even, odd);
    let expected = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
    for (let i = whole; i < end; i += 4) expected += <f64>load<f32>(weights + i) * <f64>load<f32>(x + i);
    const product = <f64>load<f32>(found + (row << 2)), error = expected - product;
    difference += error * error;
    total += expected * expected;
    squares += product * product;
  }
  store<f64>(out, difference);
  store<f64>(out, total, 8);
  store<f64>(out, squares, 16);
}
