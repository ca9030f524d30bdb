// Twins of the steps of a fit: see assign-groups.ts.
import { BEST_CODES, DIMENSION, ERROR, GROUP_SIZE, POINTS, SCALE, SCRATCH, TABLE, word } from "../../codecs/simd/codebook-image";
import { searchGroup } from "../../codecs/simd/codebook-search";

// The assignment step of the fit (assign-groups.ts): scales (0 for zero groups), errors, tables and codes of `groups` groups, importance beside src.
export function codebook_assign(src: usize, groups: i32, importance: usize, image: usize, scales: usize, errors: usize, tables: usize, codes: usize): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const codeCount = groupSize / <usize>word(image, DIMENSION);
  const scratch = image + <usize>word(image, SCRATCH);
  for (let g: usize = 0; g < <usize>groups; g++) {
    searchGroup(image, src, importance);
    store<f32>(scales + (g << 2), load<f32>(scratch, SCALE));
    store<f32>(errors + (g << 2), load<f32>(scratch, ERROR));
    store<u8>(tables + g, load<i32>(scratch, TABLE));
    memory.copy(codes + g * codeCount, scratch + BEST_CODES, codeCount);
    src += groupSize << 2;
    if (importance != 0) importance += groupSize << 2;
  }
}

// The statistics of the fit (table-statistics.ts), in f64 and in its order. Histograms of weight / scale for tables of
// single weights, sums per entry for tables of points; `reaches` has two sums per table.
export function codebook_gather(
  src: usize, groups: i32, importance: usize, image: usize, scales: usize, tables: usize, codes: usize,
  weights: usize, moments: usize, reaches: usize, bins: i32, binsPerUnit: f64,
): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const points = word(image, POINTS);
  const isPair = word(image, DIMENSION) == 2;
  const length = isPair ? points << 1 : bins;
  const middle = <f64>(bins >> 1) + 0.5;
  const top = <f64>(bins - 1);
  for (let g: usize = 0; g < <usize>groups; g++, src += groupSize << 2) {
    const scale = <f64>load<f32>(scales + (g << 2));
    if (scale == 0) continue;
    const table = <i32>load<u8>(tables + g);
    const inverse = 1 / scale;
    const square = scale * scale;
    const from = <usize>(table * length) << 3;
    let largest: f64 = 0;
    for (let j: usize = 0; j < groupSize; j++) {
      const u = <f64>load<f32>(src + (j << 2)) * inverse;
      const v = importance == 0 ? square : <f64>load<f32>(importance + (((g * groupSize) + j) << 2)) * square;
      largest = max(largest, abs(u));
      let at: usize;
      if (isPair) at = <usize>(<i32>(j & 1) * points + <i32>load<u8>(codes + ((g * groupSize + j) >> 1)));
      else at = <usize>max(<f64>0, min(top, floor(u * binsPerUnit + middle)));
      const slot = from + (at << 3);
      store<f64>(weights + slot, load<f64>(weights + slot) + v);
      store<f64>(moments + slot, load<f64>(moments + slot) + v * u);
    }
    const reach = reaches + (<usize>table << 4);
    store<f64>(reach, load<f64>(reach) + square);
    store<f64>(reach, load<f64>(reach, 8) + square * largest, 8);
  }
}
