/** The part of the C header that all kernels share: types, half floats, activations. */

/** What the header says of itself, then its helpers. `target` names the instructions it was made for. */
export function preludeText(target: string): string {
  return `\
/*
 * Matrix kernels over packed weights, for ${target}.
 *
 * Weights lie in groups of four rows, interleaved as docs/layouts.md says. Activations are q8_0 blocks: 32 int8 codes
 * and a half-precision scale, 34 bytes (qz_quantize_q8_0); the matrix-matrix kernels take four activation rows
 * interleaved together (qz_interleave_q8_0). Results are f32.
 *
 * Every kernel comes as _scalar, plain C, and as _neon where the compiler targets the instructions; the name without
 * a suffix is the better of the two. Both add in the same order, so results are equal bit for bit, provided that the
 * compiler does not fuse multiplications and additions: build with -ffp-contract=off.
 *
 *   void qz_<format>_<layout>_gemv(int rows, int row_length, const void *weights, const qz_codebook *codebook,
 *                                  const void *x, float *y);                              y[rows]
 *   void qz_<format>_<layout>_gemm(int rows, int row_length, const void *weights, const qz_codebook *codebook,
 *                                  const void *x4, int groups, float *y, int stride);     y[4 * groups][stride]
 *
 * rows is a multiple of 4, row_length of 32. codebook is NULL for formats without learned tables. Nothing is checked.
 */
#ifndef QZ_KERNELS_H
#define QZ_KERNELS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#define QZ_DOTPROD 1
#endif
#if defined(QZ_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)
#define QZ_I8MM 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Learned tables: 256 tables of the format's length and 256 scale levels, unused ones zero. */
typedef struct {
  const int8_t *tables;
  const float *levels;
} qz_codebook;

/* f16 to f32, any value. */
static inline float qz_half(const uint8_t *p) {
  const uint32_t h = (uint32_t)p[0] | (uint32_t)p[1] << 8;
  const uint32_t magnitude = h & 0x7fff;
  uint32_t bits;
  float value;
  if (magnitude < 0x400) {
    value = (float)magnitude * 0x1p-24f;
    memcpy(&bits, &value, 4);
  } else {
    bits = magnitude << 13;
    bits += magnitude >= 0x7c00 ? 0x70000000u : 0x38000000u;
  }
  bits |= (h & 0x8000) << 16;
  memcpy(&value, &bits, 4);
  return value;
}

/* f32 to the bits of the nearest f16, ties to even; for finite values. */
static inline uint16_t qz_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  if (magnitude >= 0x38800000)
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
  if (magnitude <= 0x33000000) return (uint16_t)sign;
  const uint32_t significand = (magnitude & 0x7fffff) | 0x800000, shift = 126 - (magnitude >> 23);
  return (uint16_t)(sign | (significand + (1u << (shift - 1)) - 1 + (significand >> shift & 1)) >> shift);
}

/* A row of n floats (a multiple of 32) as q8_0 blocks, n / 32 * 34 bytes. */
static inline void qz_quantize_q8_0(const float *x, int n, uint8_t *out) {
  for (int block = 0; block < n / 32; block++, x += 32, out += 34) {
    float largest = 0;
    for (int j = 0; j < 32; j++) largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
    const float d = largest / 127, inverse = d == 0 ? 0 : 1 / d;
    const uint16_t half = qz_to_half(d);
    out[0] = (uint8_t)half;
    out[1] = (uint8_t)(half >> 8);
    for (int j = 0; j < 32; j++) {
      const float scaled = fminf(127, fmaxf(-127, x[j] * inverse));
      out[2 + j] = (uint8_t)(int8_t)rintf(scaled);
    }
  }
}

/* Four q8_0 rows of n values interleaved: per block four scales, then the codes in chunks of \`chunk\` bytes. */
static inline void qz_interleave_q8_0(const uint8_t *rows, int n, int chunk, uint8_t *out) {
  const int blocks = n / 32;
  for (int block = 0; block < blocks; block++, out += 136)
    for (int r = 0; r < 4; r++) {
      const uint8_t *from = rows + (size_t)(r * blocks + block) * 34;
      memcpy(out + 2 * r, from, 2);
      for (int c = 0; c < 32 / chunk; c++) memcpy(out + 8 + (c * 4 + r) * chunk, from + 2 + c * chunk, (size_t)chunk);
    }
}
`;
}
