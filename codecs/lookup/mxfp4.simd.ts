// Twin of mxfp4.ts.
import { largestOfFour, nearestCarefully, nearestSixteen, valuesOf } from "./simd/e2m1";
import { greatestOfEach } from "../simd/lanes";
import { highNibbles, joinNibbles, lowNibbles, storeProducts } from "../k-quants/simd/sixteen";

const BLOCK_BYTES: usize = 17;

export function encode_mxfp4(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  for (let blocks = (rows * rowLength) / 32; blocks > 0; blocks--, src += 128, dst += BLOCK_BYTES) {
    const lanes = largestOfFour(src + 64, largestOfFour(src, f32x4.splat(0)));
    const largest = f32x4.extract_lane(greatestOfEach(lanes, lanes, lanes, lanes), 0);
    const e = largest > 0 ? scaleExponent(largest) : 0;
    const d = halfScale(e);
    store<u8>(dst, <u8>e);
    if (largest == f32.POSITIVE_INFINITY) {
      for (let j: usize = 0; j < 16; j++) {
        const low = nearestCarefully(load<f32>(src + 4 * j), d), high = nearestCarefully(load<f32>(src + 4 * j, 64), d);
        store<u8>(dst + j, <u8>(low | (high << 4)), 1);
      }
      continue;
    }
    const scale = f32x4.splat(d);
    v128.store(dst, joinNibbles(nearestSixteen(src, scale), nearestSixteen(src + 64, scale)), 1);
  }
}

/**
 * The byte floor(log2(x)) + 125, the logarithm rounded to f32 first. With k the next power of two's exponent, the
 * logarithm of 2^k (1 - u / 2^24) is k - u / (2^24 ln 2); it rounds to k when that is less than half an ulp below k,
 * which is 2^(j - 24) with j = floor(log2(k - 1)) for positive and floor(log2(-k)) for negative k.
 */
function scaleExponent(x: f32): i32 {
  if (x == f32.POSITIVE_INFINITY) return 0;
  const bits = reinterpret<i32>(x);
  let exponent = (bits >> 23) - 127, significand = (bits & 0x7fffff) | 0x800000;
  if (bits < 0x800000) {
    const shift = clz(bits) - 8;
    exponent = -126 - shift;
    significand = bits << shift;
  }
  const k = exponent + 1, distance = k > 0 ? k - 1 : -k;
  if (distance > 0) {
    const reach = <f32>(1 << (31 - clz(distance))) * <f32>0.6931472;
    if (<f32>(<i32>0x1000000 - significand) < reach) exponent++;
  }
  return (exponent + 125) & 0xff;
}

// @ts-ignore: decorator
@inline
function halfScale(e: i32): f32 {
  return reinterpret<f32>(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

export function decode_mxfp4(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = f32x4.splat(halfScale(<i32>load<u8>(src))), pairs = v128.load(src, 1);
    storeProducts(valuesOf(lowNibbles(pairs)), d, dst);
    storeProducts(valuesOf(highNibbles(pairs)), d, dst + 64);
  }
}
