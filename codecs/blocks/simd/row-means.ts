// Mean squares of whole rows, which the weighted searches of q4_0, q4_1, q5_0 and q5_1 need.

/** The mean squares of four rows. */
const MEANS: usize = memory.data(16, 16);

/**
 * Mean square of row `row` of `rows`, summed in order. Rows must be asked for in ascending order, starting at 0: at every
 * fourth, the sums of four rows are made, one to a lane, because a single sum would wait for each of its additions.
 */
// @ts-ignore: decorator
@inline
export function meanSquareOfRow(src: usize, row: i32, rows: i32, rowLength: i32): f32 {
  if ((row & 3) == 0) storeFour(src, rows - row, <usize>rowLength << 2, <f32>rowLength);
  return load<f32>(MEANS + (<usize>(row & 3) << 2));
}

function storeFour(src: usize, rows: i32, rowBytes: usize, rowLength: f32): void {
  const s1 = src + (rows > 1 ? rowBytes : 0), s2 = src + (rows > 2 ? 2 * rowBytes : 0);
  const s3 = src + (rows > 3 ? 3 * rowBytes : 0);
  let sum = f32x4.splat(0);
  for (let j: usize = 0; j < rowBytes; j += 16) {
    const a = v128.load(src + j), b = v128.load(s1 + j), c = v128.load(s2 + j), d = v128.load(s3 + j);
    const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const x0 = v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), x1 = v128.shuffle<f32>(ab, cd, 2, 3, 6, 7);
    const x2 = v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5), x3 = v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7);
    sum = f32x4.add(f32x4.add(sum, f32x4.mul(x0, x0)), f32x4.mul(x1, x1));
    sum = f32x4.add(f32x4.add(sum, f32x4.mul(x2, x2)), f32x4.mul(x3, x3));
  }
  v128.store(MEANS, f32x4.div(sum, f32x4.splat(rowLength)));
}
