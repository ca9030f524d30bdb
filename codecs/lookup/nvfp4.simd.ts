// Twin of nvfp4.ts: the scales of the four groups of a block share a vector.
import { largestOfFour, nearestCarefully, nearestSixteen, valuesOf } from "./simd/e2m1";
import { greatestOfEach } from "../simd/lanes";
import { storeProducts } from "../k-quants/simd/sixteen";

const BLOCK_BYTES: usize = 36;
const LARGEST: usize = memory.data(16, 16);

export function encode_nvfp4(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  for (let blocks = (rows * rowLength) / 64; blocks > 0; blocks--, dst += BLOCK_BYTES) {
    const zero = f32x4.splat(0);
    v128.store(LARGEST, greatestOfEach(
      largestOfFour(src, zero), largestOfFour(src + 64, zero), largestOfFour(src + 128, zero), largestOfFour(src + 192, zero),
    ));
    for (let group: usize = 0; group < 4; group++, src += 64) {
      const largest = load<f32>(LARGEST + 4 * group);
      const scale = ue4m3Bits(largest / 6);
      store<u8>(dst + group, <u8>scale);
      encodeGroup(src, dst + 4 + 8 * group, halfUe4m3(scale), largest);
    }
  }
}

// @ts-ignore: decorator
@inline
function encodeGroup(src: usize, dst: usize, d: f32, largest: f32): void {
  // Far beyond 12 d, differences of the values round away, and so does the nearest.
  if (largest >= 16777216 || d == 0) {
    for (let j: usize = 0; j < 8; j++) {
      const low = nearestCarefully(load<f32>(src + 4 * j), d), high = nearestCarefully(load<f32>(src + 4 * j, 32), d);
      store<u8>(dst + j, <u8>(low | (high << 4)));
    }
    return;
  }
  const codes = nearestSixteen(src, f32x4.splat(d));
  const upper = i8x16.shuffle(codes, codes, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  v128.store64_lane(dst, v128.or(codes, i16x8.shl(upper, 4)), 0);
}

// @ts-ignore: decorator
@inline
function ue4m3Bits(x: f32): i32 {
  if (!(x > 0)) return 0;
  if (x < 0.015625) {
    const mantissa = <i32>(x * 512 + 0.5);
    return mantissa < 7 ? mantissa : 7;
  }
  const rounded = ((reinterpret<i32>(x) >>> 19) + 1 - (120 << 4)) >> 1;
  return rounded < 0x78 ? rounded : 0x7e;
}

// @ts-ignore: decorator
@inline
function halfUe4m3(bits: i32): f32 {
  if (bits == 0x7f) return 0;
  const exponent = (bits >> 3) & 15, mantissa = <f32>(bits & 7);
  if (exponent == 0) return mantissa * <f32>0.0009765625;
  return (8 + mantissa) * reinterpret<f32>((exponent + 116) << 23);
}

export function decode_nvfp4(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES) {
    for (let group: usize = 0; group < 4; group++, dst += 64) {
      const d = f32x4.splat(halfUe4m3(<i32>load<u8>(src + group)));
      const pairs = v128.load64_zero(src + 4 + 8 * group);
      const low = v128.and(pairs, i8x16.splat(15)), high = v128.and(i16x8.shr_u(pairs, 4), i8x16.splat(15));
      storeProducts(valuesOf(i8x16.shuffle(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)), d, dst);
    }
  }
}
