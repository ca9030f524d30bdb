// Twins of arrange.ts.

export function pack_columns(src: usize, stride: i32, rows: i32, columns: i32, panel: usize, panelColumns: i32): void {
  const rowBytes = <usize>stride << 2;
  for (let group: i32 = 0; group < columns; group += 8, panel += <usize>panelColumns << 5) {
    let at = src + (<usize>group << 2), to = panel;
    if (columns - group >= 8) {
      for (let row: i32 = 0; row < rows; row++, at += rowBytes, to += 32) {
        v128.store(to, v128.load(at));
        v128.store(to, v128.load(at, 16), 16);
      }
    } else {
      for (let row: i32 = 0; row < rows; row++, at += rowBytes, to += 32) {
        for (let c: i32 = 0; c < 8; c++) store<f32>(to + (<usize>c << 2), group + c < columns ? load<f32>(at + (<usize>c << 2)) : 0);
      }
    }
  }
}

export function transpose_f32(src: usize, stride: i32, rows: i32, columns: i32, out: usize, outStride: i32): void {
  const rowBytes = <usize>stride << 2, outBytes = <usize>outStride << 2;
  let row: i32 = 0;
  for (; row + 4 <= rows; row += 4) {
    const from = src + <usize>row * rowBytes, to = out + (<usize>row << 2);
    let column: i32 = 0;
    for (; column + 4 <= columns; column += 4) {
      const at = from + (<usize>column << 2), there = to + <usize>column * outBytes;
      const a = v128.load(at), b = v128.load(at + rowBytes), c = v128.load(at + 2 * rowBytes), d = v128.load(at + 3 * rowBytes);
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      v128.store(there, v128.shuffle<i64>(ab0, cd0, 0, 2));
      v128.store(there + outBytes, v128.shuffle<i64>(ab0, cd0, 1, 3));
      v128.store(there + 2 * outBytes, v128.shuffle<i64>(ab1, cd1, 0, 2));
      v128.store(there + 3 * outBytes, v128.shuffle<i64>(ab1, cd1, 1, 3));
    }
    for (; column < columns; column++)
      for (let r: i32 = 0; r < 4; r++)
        store<f32>(to + <usize>column * outBytes + (<usize>r << 2), load<f32>(from + <usize>r * rowBytes + (<usize>column << 2)));
  }
  for (; row < rows; row++)
    for (let column: i32 = 0; column < columns; column++)
      store<f32>(out + <usize>column * outBytes + (<usize>row << 2), load<f32>(src + <usize>row * rowBytes + (<usize>column << 2)));
}
