// Twin of quantize-activations.ts: the same codes and scales, laid out as simd/activations.ts says.
import { f16BitsOfF32, f32OfF16Bits } from "../../codecs/simd/half";
import { rowStride, scalesOffset, sumsOffset } from "./simd/activations";

// A scale as the block stores it.
// @ts-ignore: decorator
@inline
function throughF16(x: f32): f32 {
  return f32x4.extract_lane(f32OfF16Bits(f16BitsOfF32(f32x4.splat(x))), 0);
}

// src: rows of rowLength f32; dst: rows * rowStride bytes. isSuper: 1 for q8_K (blocks of 256), 0 for q8_0 (32).
export function quantize_activations(src: usize, dst: usize, rows: i32, rowLength: i32, isSuper: i32): void {
  const blockSize: i32 = isSuper ? 256 : 32;
  for (let row: i32 = 0; row < rows; row++) {
    for (let block: i32 = 0; block * blockSize < rowLength; block++) {
      const x = src + (<usize>(block * blockSize) << 2);
      let extreme: f32 = 0;
      for (let j: i32 = 0; j < blockSize; j++) {
        const value = load<f32>(x + (<usize>j << 2));
        if (abs<f32>(value) > abs<f32>(extreme)) extreme = value;
      }
      let d: f32 = 0, inverse: f32 = 0;
      if (extreme != 0) {
        if (isSuper) {
          inverse = -127 / extreme;
          d = 1 / inverse;
        } else {
          d = abs<f32>(extreme) / 127;
          inverse = d == 0 ? 0 : 1 / d;
          d = throughF16(d);
        }
      }
      const codes = dst + (<usize>(block * blockSize) << 1);
      for (let k: i32 = 0; k < blockSize >> 4; k++) {
        let sum: i32 = 0;
        for (let j: i32 = k << 4; j < (k + 1) << 4; j++) {
          const scaled = load<f32>(x + (<usize>j << 2)) * inverse;
          const code = scaled == scaled ? <i32>nearest<f32>(min<f32>(127, max<f32>(-127, scaled))) : 0;
          store<i16>(codes + (<usize>j << 1), <i16>code);
          sum += code;
        }
        store<i16>(dst + sumsOffset(rowLength) + (<usize>(block * (blockSize >> 4) + k) << 1), <i16>sum);
      }
      store<f32>(dst + scalesOffset(rowLength) + (<usize>block << 2), d);
    }
    src += <usize>rowLength << 2;
    dst += rowStride(rowLength, isSuper != 0);
  }
}
