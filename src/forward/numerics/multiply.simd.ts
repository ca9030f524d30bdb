// Twin of multiply.ts. Four activation rows at a time with eight weight rows: eight sums of four lanes stay in registers
// over a chunk of columns, each lane in the order of the definition.

const CHUNK: usize = 256;

// Rows of f32 to a panel. src: rows of `columns`, stride floats apart; panel: groups of eight rows, column-major.
export function pack_panel(src: usize, stride: i32, rows: i32, columns: i32, panel: usize): void {
  const rowBytes = <usize>stride << 2;
  for (let group: i32 = 0; group < rows; group += 8, panel += <usize>columns << 5) {
    const here = min<i32>(8, rows - group), from = src + <usize>group * rowBytes;
    let k: i32 = 0;
    if (here == 8) {
      for (; k + 4 <= columns; k += 4) {
        const at = from + (<usize>k << 2), to = panel + (<usize>k << 5);
        transposeFour(at, rowBytes, to);
        transposeFour(at + 4 * rowBytes, rowBytes, to + 16);
      }
    }
    for (; k < columns; k++) {
      const at = from + (<usize>k << 2), to = panel + (<usize>k << 5);
      for (let r: i32 = 0; r < 8; r++)
        store<f32>(to + (<usize>r << 2), r < here ? load<f32>(at + <usize>r * rowBytes) : 0);
    }
  }
}

// Four columns of four rows, stored as four vectors of rows 32 bytes apart.
// @ts-ignore: decorator
@inline
function transposeFour(at: usize, rowBytes: usize, to: usize): void {
  const a = v128.load(at), b = v128.load(at + rowBytes), c = v128.load(at + 2 * rowBytes), d = v128.load(at + 3 * rowBytes);
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 32);
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 64);
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 96);
}

// @ts-ignore: decorator
@inline
function add(at: usize, sum: v128): void { v128.store(at, f32x4.add(v128.load(at), sum)); }

// Adds a chunk's sums of four activation rows to `out`.
function chunkOfFour(x: usize, xStride: usize, panel: usize, columns: usize, out: usize, outStride: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  const x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
  for (let k: usize = 0; k < columns; k++) {
    const w0 = v128.load(panel + (k << 5)), w1 = v128.load(panel + (k << 5), 16), at = k << 2;
    let v = v128.load32_splat(x + at);
    a0 = f32x4.add(a0, f32x4.mul(v, w0));
    a1 = f32x4.add(a1, f32x4.mul(v, w1));
    v = v128.load32_splat(x1 + at);
    b0 = f32x4.add(b0, f32x4.mul(v, w0));
    b1 = f32x4.add(b1, f32x4.mul(v, w1));
    v = v128.load32_splat(x2 + at);
    c0 = f32x4.add(c0, f32x4.mul(v, w0));
    c1 = f32x4.add(c1, f32x4.mul(v, w1));
    v = v128.load32_splat(x3 + at);
    d0 = f32x4.add(d0, f32x4.mul(v, w0));
    d1 = f32x4.add(d1, f32x4.mul(v, w1));
  }
  add(out, a0); add(out + 16, a1);
  out += outStride;
  add(out, b0); add(out + 16, b1);
  out += outStride;
  add(out, c0); add(out + 16, c1);
  out += outStride;
  add(out, d0); add(out + 16, d1);
}

function chunkOfOne(x: usize, panel: usize, columns: usize, out: usize): void {
  let a0 = f32x4.splat(0), a1 = a0;
  for (let k: usize = 0; k < columns; k++) {
    const v = v128.load32_splat(x + (k << 2));
    a0 = f32x4.add(a0, f32x4.mul(v, v128.load(panel + (k << 5))));
    a1 = f32x4.add(a1, f32x4.mul(v, v128.load(panel + (k << 5), 16)));
  }
  add(out, a0);
  add(out + 16, a1);
}

// x: xRows rows, xStride floats apart; panel: panelRows (a multiple of 8) rows with room for panelColumns each; out: sum
// (t, r) at t * outStride + r.
export function multiply_f32(
  x: usize, xStride: i32, xRows: i32, columns: i32, panel: usize, panelRows: i32, panelColumns: i32, out: usize, outStride: i32,
): void {
  const xBytes = <usize>xStride << 2, outBytes = <usize>outStride << 2;
  for (let t: i32 = 0; t < xRows; t++) memory.fill(out + <usize>t * outBytes, 0, <usize>panelRows << 2);
  for (let start: usize = 0; start < <usize>columns; start += CHUNK) {
    const here = min<usize>(CHUNK, <usize>columns - start), from = x + (start << 2);
    for (let r: usize = 0; r < <usize>panelRows; r += 8) {
      const group = panel + ((r * <usize>panelColumns + (start << 3)) << 2);
      let t: i32 = 0, at = from, to = out + (r << 2);
      for (; t + 4 <= xRows; t += 4, at += 4 * xBytes, to += 4 * outBytes) chunkOfFour(at, xBytes, group, here, to, outBytes);
      for (; t < xRows; t++, at += xBytes, to += outBytes) chunkOfOne(at, group, here, to);
    }
  }
}
