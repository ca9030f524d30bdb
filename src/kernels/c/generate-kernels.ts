/**
 * Generates a self-contained C header with the kernels for one kind of Arm processor: q4_0 and the codebook formats in
 * the layout that `auto:` takes there (4x4 with dot products, 4x8 with 8-bit matrix products).
 */
import { C_FORMATS, cKernel, neonWeights, scalarWeight, type CKernel, type CLayoutName } from "./formats.ts";
import { preludeText } from "./prelude.ts";

/** Instructions that the kernels use. `dotprod`: SDOT, Armv8.2. `i8mm`: SMMLA as well, Armv8.6. */
export const KERNEL_TARGETS = ["dotprod", "i8mm"] as const;
export type KernelTarget = (typeof KERNEL_TARGETS)[number];

export interface GenerateOptions {
  readonly target: KernelTarget;
  /** Formats, default all of `C_FORMATS`. */
  readonly formats?: readonly string[];
}

const ARGUMENTS = "int rows, int row_length, const void *weights, const qz_codebook *codebook";

/** Four scales of an interleaved block as C expressions: one of row `r`, and a vector of all. */
function scales({ format, at }: CKernel): { scalar: string; neon: string } {
  if (format === "q4_0")
    return {
      scalar: `qz_half(p + ${at("d")} + 2 * r)`,
      neon: `vcvt_f32_f16(vld1_f16((const __fp16 *)(p + ${at("d")})))`,
    };
  const level = (r: number | string): string => `codebook->levels[p[${at("s")} + ${r}]]`;
  return { scalar: level("r"), neon: `(float32x4_t){${[0, 1, 2, 3].map(level).join(", ")}}` };
}

function scalarText(kernel: CKernel): string {
  const name = `qz_${kernel.format}_${kernel.layoutName}`;
  const tables = kernel.tableLength === 0 ? "NULL" : "codebook->tables";
  const chunk = kernel.layoutName === "4x4" ? 4 : 8;
  return `\
/* Weight j (0..31) of row r (0..3) of an interleaved block, as an integer. */
static inline int ${name}_weight(const uint8_t *p, const int8_t *tables, int r, int j) {
  (void)tables;
  ${scalarWeight(kernel)}
}

static inline void ${name}_gemv_scalar(${ARGUMENTS}, const void *x, float *y) {
  const int blocks = row_length / 32;
  (void)codebook;
  for (int row = 0; row < rows; row++) {
    const int r = row % 4;
    const uint8_t *p = (const uint8_t *)weights + (size_t)(row / 4) * blocks * ${kernel.groupBytes};
    const uint8_t *a = (const uint8_t *)x;
    float sum = 0;
    for (int block = 0; block < blocks; block++, p += ${kernel.groupBytes}, a += 34) {
      int32_t dot = 0;
      for (int j = 0; j < 32; j++) dot += ${name}_weight(p, ${tables}, r, j) * (int8_t)a[2 + j];
      sum = sum + (${scales(kernel).scalar} * qz_half(a)) * (float)dot;
    }
    y[row] = sum;
  }
}

static inline void ${name}_gemm_scalar(${ARGUMENTS}, const void *x4, int groups, float *y, int stride) {
  const int blocks = row_length / 32;
  (void)codebook;
  for (int act = 0; act < 4 * groups; act++)
    for (int row = 0; row < rows; row++) {
      const int r = row % 4, m = act % 4;
      const uint8_t *p = (const uint8_t *)weights + (size_t)(row / 4) * blocks * ${kernel.groupBytes};
      const uint8_t *a = (const uint8_t *)x4 + (size_t)(act / 4) * blocks * 136;
      float sum = 0;
      for (int block = 0; block < blocks; block++, p += ${kernel.groupBytes}, a += 136) {
        int32_t dot = 0;
        for (int j = 0; j < 32; j++)
          dot += ${name}_weight(p, ${tables}, r, j) * (int8_t)a[8 + (j / ${chunk} * 4 + m) * ${chunk} + j % ${chunk}];
        sum = sum + (${scales(kernel).scalar} * qz_half(a + 2 * m)) * (float)dot;
      }
      y[(size_t)act * stride + row] = sum;
    }
}
`;
}

/** One activation row with the eight vectors of weights: four sums. */
function dotOne({ layoutName }: CKernel): string {
  if (layoutName === "4x4") {
    const lines = Array.from({ length: 8 }, (_, i) => `dot = vdotq_laneq_s32(dot, w[${i}], a${i >> 2}, ${i & 3});`);
    return ["int32x4_t dot = vdupq_n_s32(0);", ...lines].join("\n      ");
  }
  const lines = Array.from({ length: 4 }, (_, c) => {
    const twice = `vreinterpretq_s8_s64(vdupq_laneq_s64(vreinterpretq_s64_s8(a${c >> 1}), ${c & 1}))`;
    return `dot01 = vdotq_s32(dot01, w[${2 * c}], ${twice});\n      dot23 = vdotq_s32(dot23, w[${2 * c + 1}], ${twice});`;
  });
  const start = "int32x4_t dot01 = vdupq_n_s32(0), dot23 = vdupq_n_s32(0);";
  return [start, ...lines, "int32x4_t dot = vpaddq_s32(dot01, dot23);"].join("\n      ");
}

/**
 * One activation row, the weights of a row at a time: the codes of four rows are brought together first, so that each
 * look-up needs one table of 16 bytes. Cheaper than look-ups in four tables at once where few activations share them.
 */
function dotRows({ layoutName, at, tableLength }: CKernel): string {
  const loads = [0, 1, 2, 3].map((i) => `v${i} = vreinterpretq_u32_u8(vld1q_u8(p + ${at("qs") + 16 * i}))`).join(", ");
  const wide = (op: string, a: string, b: string): string =>
    `vreinterpretq_u8_u64(${op}(vreinterpretq_u64_u32(${a}), vreinterpretq_u64_u32(${b})))`;
  const [first, second] = ["vtrn1q_u64", "vtrn2q_u64"] as const;
  const rows =
    layoutName === "4x4"
      ? [wide(first, "z0", "z2"), wide(first, "z1", "z3"), wide(second, "z0", "z2"), wide(second, "z1", "z3")]
      : [wide(first, "v0", "v2"), wide(second, "v0", "v2"), wide(first, "v1", "v3"), wide(second, "v1", "v3")];
  const lines = [`const uint32x4_t ${loads};`];
  if (layoutName === "4x4") {
    lines.push("const uint32x4_t z0 = vtrn1q_u32(v0, v1), z1 = vtrn2q_u32(v0, v1);");
    lines.push("const uint32x4_t z2 = vtrn1q_u32(v2, v3), z3 = vtrn2q_u32(v2, v3);");
  }
  rows.forEach((row, r) => {
    lines.push(`const uint8x16_t r${r} = ${row};`);
    lines.push(`const int8x16_t t${r} = vld1q_s8(codebook->tables + p[${at("t") + r}] * ${tableLength});`);
    const low = `vqtbl1q_s8(t${r}, vandq_u8(r${r}, vdupq_n_u8(15)))`;
    const high = `vqtbl1q_s8(t${r}, vshrq_n_u8(r${r}, 4))`;
    lines.push(`const int32x4_t d${r} = vdotq_s32(vdotq_s32(vdupq_n_s32(0), ${low}, a0), ${high}, a1);`);
  });
  lines.push("const int32x4_t dot = vpaddq_s32(vpaddq_s32(d0, d1), vpaddq_s32(d2, d3));");
  return lines.join("\n      ");
}

/** Four activation rows a[0..7] with the eight vectors of weights: dot[m], four sums each. */
function dotFour({ layoutName }: CKernel): string {
  if (layoutName === "4x4") {
    const lines = Array.from({ length: 8 }, (_, i) =>
      [0, 1, 2, 3].map((m) => `dot[${m}] = vdotq_laneq_s32(dot[${m}], w[${i}], a[${i}], ${m});`).join(" "),
    );
    return ["int32x4_t dot[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};", ...lines].join(
      "\n        ",
    );
  }
  // tile[2m + p]: activation rows 2m, 2m + 1 with weight rows 2p, 2p + 1.
  const lines = Array.from({ length: 4 }, (_, c) =>
    [0, 1]
      .flatMap((m) =>
        [0, 1].map((p) => `tile[${2 * m + p}] = vmmlaq_s32(tile[${2 * m + p}], a[${2 * c + m}], w[${2 * c + p}]);`),
      )
      .join(" "),
  );
  const rows = [0, 1, 2, 3].map((m) => {
    const half = m % 2 === 0 ? "low" : "high";
    return `dot[${m}] = vcombine_s32(vget_${half}_s32(tile[${m - (m % 2)}]), vget_${half}_s32(tile[${m - (m % 2) + 1}]));`;
  });
  const zero = "{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}";
  return [`int32x4_t tile[4] = ${zero}, dot[4];`, ...lines, ...rows].join("\n        ");
}

/** Deals activations into even and odd ones where the weights' slots are. */
function dealOne({ isPaired }: CKernel): string {
  const loads = ["const int8x16_t b0 = vld1q_s8((const int8_t *)a + 2), b1 = vld1q_s8((const int8_t *)a + 18);"];
  loads.push(
    isPaired ? "const int8x16_t a0 = vuzp1q_s8(b0, b1), a1 = vuzp2q_s8(b0, b1);" : "const int8x16_t a0 = b0, a1 = b1;",
  );
  return loads.join("\n      ");
}

function dealFour({ isPaired, layoutName }: CKernel): string {
  const loads = "for (int i = 0; i < 8; i++) a[i] = vld1q_s8((const int8_t *)q + 8 + 16 * i);";
  if (!isPaired) return `int8x16_t a[8];\n        ${loads}`;
  // Neighbouring chunks of a row: even (or odd) bytes of both, brought together row by row.
  const [step, lanes, type] = layoutName === "4x4" ? [1, "s16", 8] : [2, "s32", 4];
  const lines: string[] = [];
  for (let i = 0; i < 4; i++) {
    const [first, second] =
      layoutName === "4x4" ? [2 * i, 2 * i + 1] : [(i >> 1) * 4 + (i & 1), (i >> 1) * 4 + (i & 1) + step];
    for (const [odd, uzp] of [
      [0, "vuzp1q_s8"],
      [4, "vuzp2q_s8"],
    ] as const) {
      lines.push(`e = ${uzp}(b[${first}], b[${second}]);`);
      const as = `vreinterpretq_${lanes}_s8(e)`;
      lines.push(
        `a[${i + odd}] = vreinterpretq_s8_${lanes}(vzip1q_${lanes}(${as}, vextq_${lanes}(${as}, ${as}, ${type / 2})));`,
      );
    }
  }
  return ["int8x16_t a[8], b[8], e;", loads.replace("a[i]", "b[i]"), ...lines].join("\n        ");
}

function neonText(kernel: CKernel): string {
  const { groupBytes, isShifted, tableLength } = kernel;
  const name = `qz_${kernel.format}_${kernel.layoutName}`;
  const tables = tableLength === 0 ? "NULL" : "codebook->tables";
  const exact = (sum: string): string => (isShifted ? `vshrq_n_s32(${sum}, 4)` : sum);
  const matrixGuard = kernel.layoutName === "4x4" ? "QZ_DOTPROD" : "QZ_I8MM";
  return `\
#ifdef QZ_DOTPROD
/* The 32 weights of four rows as eight vectors${isShifted ? ", times 16" : ""}. */
static inline void ${name}_unpack(const uint8_t *p, const int8_t *tables, int8x16_t w[8]) {
  (void)tables;
  ${neonWeights(kernel)}
}

static inline void ${name}_gemv_neon(${ARGUMENTS}, const void *x, float *y) {
  const int blocks = row_length / 32;
  const uint8_t *p = (const uint8_t *)weights;
  (void)codebook;
  for (int row = 0; row < rows; row += 4) {
    const uint8_t *a = (const uint8_t *)x;
    float32x4_t sum = vdupq_n_f32(0);
    for (int block = 0; block < blocks; block++, p += ${groupBytes}, a += 34) {
      ${dealOne(kernel)}
      ${kernel.format === "q4_cb" ? dotRows(kernel) : `int8x16_t w[8];\n      ${name}_unpack(p, ${tables}, w);\n      ${dotOne(kernel)}`}
      const float32x4_t scale = vmulq_n_f32(${scales(kernel).neon}, (float)*(const __fp16 *)a);
      sum = vaddq_f32(sum, vmulq_f32(scale, vcvtq_f32_s32(${exact("dot")})));
    }
    vst1q_f32(y + row, sum);
  }
}
#endif

#ifdef ${matrixGuard}
/* One block of four activation rows with unpacked weights: four sums each. */
static inline void ${name}_block(const int8x16_t w[8], float32x4_t scale, const uint8_t *q, float32x4_t sum[4]) {
  ${dealFour(kernel)}
  ${dotFour(kernel)}
  const float32x4_t act = vcvt_f32_f16(vld1_f16((const __fp16 *)q));
  ${[0, 1, 2, 3].map((m) => `sum[${m}] = vaddq_f32(sum[${m}], vmulq_f32(vmulq_laneq_f32(scale, act, ${m}), vcvtq_f32_s32(${exact(`dot[${m}]`)})));`).join("\n  ")}
}

/* Weights are unpacked once for eight activation rows, or for the four that are left. */
static inline void ${name}_gemm_neon(${ARGUMENTS}, const void *x4, int groups, float *y, int stride) {
  const int blocks = row_length / 32;
  const size_t group_bytes = (size_t)blocks * 136;
  (void)codebook;
  for (int row = 0; row < rows; row += 4) {
    const uint8_t *from = (const uint8_t *)weights + (size_t)(row / 4) * blocks * ${groupBytes};
    for (int group = 0; group < groups; group += 2) {
      const int isPair = group + 1 < groups;
      const uint8_t *p = from, *q = (const uint8_t *)x4 + group * group_bytes;
      float32x4_t sum[8];
      for (int m = 0; m < 8; m++) sum[m] = vdupq_n_f32(0);
      if (isPair)
        for (int block = 0; block < blocks; block++, p += ${groupBytes}, q += 136) {
          int8x16_t w[8];
          ${name}_unpack(p, ${tables}, w);
          const float32x4_t scale = ${scales(kernel).neon};
          ${name}_block(w, scale, q, sum);
          ${name}_block(w, scale, q + group_bytes, sum + 4);
        }
      else
        for (int block = 0; block < blocks; block++, p += ${groupBytes}, q += 136) {
          int8x16_t w[8];
          ${name}_unpack(p, ${tables}, w);
          ${name}_block(w, ${scales(kernel).neon}, q, sum);
        }
      for (int m = 0; m < (isPair ? 8 : 4); m++) vst1q_f32(y + (size_t)(4 * group + m) * stride + row, sum[m]);
    }
  }
}
#endif
`;
}

function dispatchText({ format, layoutName }: CKernel): string {
  const name = `qz_${format}_${layoutName}`;
  const one = (verb: string, guard: string, more: string, values: string): string => `\
static inline void ${name}_${verb}(${ARGUMENTS}, ${more}) {
#ifdef ${guard}
  ${name}_${verb}_neon(rows, row_length, weights, codebook, ${values});
#else
  ${name}_${verb}_scalar(rows, row_length, weights, codebook, ${values});
#endif
}
`;
  const matrixGuard = layoutName === "4x4" ? "QZ_DOTPROD" : "QZ_I8MM";
  return (
    one("gemv", "QZ_DOTPROD", "const void *x, float *y", "x, y") +
    "\n" +
    one("gemm", matrixGuard, "const void *x4, int groups, float *y, int stride", "x4, groups, y, stride")
  );
}

/** Row-major kernels to compare with: one row at a time, as rows lie in a plain file. */
function rowsText(format: "q4_0" | "q4_cb"): string {
  const [low, high, scale] =
    format === "q4_0"
      ? [
          "vsubq_s8(vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), vdupq_n_s8(8))",
          "vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), vdupq_n_s8(8))",
          "(float)*(const __fp16 *)p",
        ]
      : [
          "vqtbl1q_s8(table, vandq_u8(v, vdupq_n_u8(15)))",
          "vqtbl1q_s8(table, vshrq_n_u8(v, 4))",
          "codebook->levels[p[0]]",
        ];
  const setUp = format === "q4_0" ? "" : "      const int8x16_t table = vld1q_s8(codebook->tables + p[1] * 16);\n";
  return `\
/* ${format} in rows (18-byte blocks), one row at a time: what the interleaved kernels are measured against. */
#ifdef QZ_DOTPROD
static inline void qz_${format}_rows_gemv_neon(${ARGUMENTS}, const void *x, float *y) {
  const int blocks = row_length / 32;
  const uint8_t *p = (const uint8_t *)weights;
  (void)codebook;
  for (int row = 0; row < rows; row++) {
    const uint8_t *a = (const uint8_t *)x;
    float sum = 0;
    for (int block = 0; block < blocks; block++, p += 18, a += 34) {
      const uint8x16_t v = vld1q_u8(p + 2);
${setUp}      const int8x16_t low = ${low};
      const int8x16_t high = ${high};
      int32x4_t dot = vdotq_s32(vdupq_n_s32(0), low, vld1q_s8((const int8_t *)a + 2));
      dot = vdotq_s32(dot, high, vld1q_s8((const int8_t *)a + 18));
      const float scale = ${scale} * (float)*(const __fp16 *)a;
      sum = sum + scale * (float)vaddvq_s32(dot);
    }
    y[row] = sum;
  }
}
#endif
`;
}

/**
 * The header's text.
 * @throws RangeError for a format without C kernels
 */
export function generateKernels({ target, formats = C_FORMATS }: GenerateOptions): string {
  const layoutName: CLayoutName = target === "dotprod" ? "4x4" : "4x8";
  const unknown = formats.find((format) => !C_FORMATS.includes(format));
  if (unknown !== undefined) throw new RangeError(`no C kernels for ${unknown}, expected ${C_FORMATS.join(", ")}`);
  const kernels = formats.map((format) => cKernel(format, layoutName));
  const parts = kernels.map((kernel) => [
    `/* ${kernel.format} in layout ${layoutName} */\n`,
    scalarText(kernel),
    neonText(kernel),
    dispatchText(kernel),
  ]);
  const end = "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return [preludeText(target), ...parts.flat(), rowsText("q4_0"), rowsText("q4_cb"), end].join("\n");
}
