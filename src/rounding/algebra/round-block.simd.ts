// Twin of round-block.ts: four rows in four lanes.

export function round_block(
  rows: i32, columns: i32, gradients: usize, base: usize, matrix: usize, matrixStride: i32, diagonal: usize,
  scales: usize, offsets: usize, least: i32, greatest: i32, table: usize, values: usize, codes: usize,
): void {
  const columnBytes = <usize>rows << 2, rowBytes = <usize>matrixStride << 2;
  const low = f32x4.splat(<f32>least), high = f32x4.splat(<f32>greatest), zero = f32x4.splat(0), two = f32x4.splat(2);
  for (let r: usize = 0; r < <usize>rows; r += 4) {
    for (let j: i32 = 0; j < columns; j++) {
      const at = (<usize>j * columnBytes) + (r << 2);
      const d = v128.load32_splat(diagonal + (<usize>j << 2)), b = v128.load(base + at), g = v128.load(gradients + at);
      const s = v128.load(scales + at), o = v128.load(offsets + at), dead = f32x4.eq(s, zero);
      const u = f32x4.div(f32x4.sub(f32x4.add(b, f32x4.div(g, d)), o), s);
      let code: v128, level: v128;
      if (table == 0) {
        // Adding zero makes -0 the 0 of the definition.
        level = f32x4.add(f32x4.nearest(f32x4.pmin(high, f32x4.pmax(low, u))), zero);
        level = v128.bitselect(f32x4.max(low, f32x4.min(high, zero)), level, dead);
        code = i32x4.trunc_sat_f32x4_s(level);
      } else {
        code = i32x4.splat(0);
        level = v128.load32_splat(table);
        const twice = f32x4.mul(two, u);
        for (let k: i32 = 1; k <= greatest; k++) {
          const here = v128.load32_splat(table + (<usize>k << 2)), before = v128.load32_splat(table + (<usize>(k - 1) << 2));
          const above = v128.andnot(f32x4.lt(f32x4.add(before, here), twice), dead);
          level = v128.bitselect(here, level, above);
          code = v128.bitselect(i32x4.splat(k), code, above);
        }
      }
      const value = f32x4.add(f32x4.mul(s, level), o), change = f32x4.sub(value, b);
      let next = gradients + at + columnBytes, m = matrix + <usize>j * rowBytes + (<usize>(j + 1) << 2);
      for (let i = j + 1; i < columns; i++, next += columnBytes, m += 4)
        v128.store(next, f32x4.sub(v128.load(next), f32x4.mul(change, v128.load32_splat(m))));
      v128.store(gradients + at, f32x4.sub(g, f32x4.mul(change, d)));
      v128.store(values + at, value);
      const codeAt = codes + <usize>j * <usize>rows + r;
      store<u8>(codeAt, <u8>i32x4.extract_lane(code, 0));
      store<u8>(codeAt, <u8>i32x4.extract_lane(code, 1), 1);
      store<u8>(codeAt, <u8>i32x4.extract_lane(code, 2), 2);
      store<u8>(codeAt, <u8>i32x4.extract_lane(code, 3), 3);
    }
  }
}
