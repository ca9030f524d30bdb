/**
 * The formats of the C kernels: how one weight is read in plain C, and how the 32 weights of four rows become eight
 * NEON vectors. Offsets come from the layout, so that the header cannot disagree with the packer.
 *
 * Vectors, 4x4: w[i] holds weights 4i .. 4i+3 of rows 0, 1, 2, 3. 4x8: w[2c + p] holds weights 8c .. 8c+7 of rows 2p,
 * 2p + 1. For pairs of weights the slots take the even weights first, then the odd ones; activations are dealt alike.
 */
import { findFormat } from "../../../codecs/registry.ts";
import type { Layout } from "../../../layouts/layout.ts";
import { findLayout } from "../../../layouts/registry.ts";
import { interleavedFieldOffset } from "../../../layouts/locate.ts";

export type CLayoutName = "4x4" | "4x8";

/** A format in a layout, with what its C text depends on. */
export interface CKernel {
  readonly format: string;
  readonly layoutName: CLayoutName;
  readonly layout: Layout;
  /** Bytes of an interleaved block, and of one row-major block. */
  readonly groupBytes: number;
  /** Entries of a table; 0 for formats without. */
  readonly tableLength: number;
  /** Slots take even weights, then odd ones. */
  readonly isPaired: boolean;
  /** Vectors hold the weights times 16. */
  readonly isShifted: boolean;
  /** Offset of a field in the interleaved block. */
  readonly at: (field: string) => number;
}

/** Formats that have C kernels. */
export const C_FORMATS: readonly string[] = ["q4_0", "q4_cb", "q5_cb", "q3_cb", "q2_cb"];

/** Everything the generator needs of a format in a layout. */
export function cKernel(name: string, layoutName: CLayoutName): CKernel {
  const format = findFormat(name)!;
  const layout = findLayout(format, layoutName)!;
  return {
    format: name,
    layoutName,
    layout,
    groupBytes: format.blockBytes * layout.rowsPerGroup,
    tableLength: "tableLength" in format ? format.tableLength : 0,
    isPaired: "dimension" in format && format.dimension === 2,
    isShifted: name === "q4_0",
    at: (field) =>
      interleavedFieldOffset(
        layout,
        layout.fields.find((each) => each.field === field)!,
      ),
  };
}

/** C expression: byte \`b\` of row \`r\`'s field in the interleaved block \`p\`. */
function byteOf({ layout, at }: CKernel, field: string, b: string): string {
  const { chunk } = layout.fields.find((each) => each.field === field)!;
  return `p[${at(field)} + ((${b}) / ${chunk} * 4 + r) * ${chunk} + (${b}) % ${chunk}]`;
}

/** Body of a C function that returns weight \`j\` (0..31) of row \`r\` as an integer. */
export function scalarWeight(kernel: CKernel): string {
  const nibble = (index: string, half: number): string =>
    `(${byteOf(kernel, "qs", `${index} % ${half}`)} >> (${index} < ${half} ? 0 : 4) & 15)`;
  const bit = (): string => `(${byteOf(kernel, "qh", "j / 8")} >> j % 8 & 1)`;
  const table = `tables[p[${kernel.tableLength === 0 ? 0 : kernel.at("t")} + r] * ${kernel.tableLength}`;
  switch (kernel.format) {
    case "q4_0":
      return `return (int)(${nibble("j", 16)} ^ 8) - 8;`;
    case "q4_cb":
      return `return ${table} + ${nibble("j", 16)}];`;
    case "q5_cb":
      return `return ${table} + (${nibble("j", 16)} | ${bit()} << 4)];`;
    case "q3_cb":
      return `return ${table} + ((${byteOf(kernel, "ql", "j % 8")} >> j / 8 * 2 & 3) | ${bit()} << 2)];`;
    case "q2_cb":
      return `const int pair = j / 2;\n  return ${table} + j % 2 * 16 + ${nibble("pair", 8)}];`;
    default:
      throw new RangeError(`no C kernel for ${kernel.format}`);
  }
}

/** Bytes 0..15 as a C initialiser. */
const bytes = (value: (index: number) => number): string =>
  `{${Array.from({ length: 16 }, (_, i) => value(i)).join(", ")}}`;

/** C: the vectors of 4 rows' tables, loaded from their numbers. */
function tableText({ tableLength, at }: CKernel): string {
  const lines = [`const uint8_t *t = p + ${at("t")};`];
  for (let r = 0; r < 4; r++) lines.push(`const int8_t *t${r} = tables + t[${r}] * ${tableLength};`);
  return lines.join("\n  ");
}

const load = (pointer: string): string => `vld1q_s8(${pointer})`;

/** C statements of 4x4 that fill w[0..7]. */
function vectors4x4(kernel: CKernel): string {
  const { format, at } = kernel;
  const codes = (field: string, index: number): string => `vld1q_u8(p + ${at(field) + 16 * index})`;
  const lines: string[] = [];
  // Sixteen bits of \`high\` as 0 or \`value\`: weights 4i .. 4i+3 of the four rows.
  const highBits = (i: number, value: number): string =>
    `vandq_u8(vtstq_u8(vqtbl1q_u8(high, (const uint8x16_t)${bytes((k) => (k >> 2) * 4 + (i >> 1))}), ` +
    `(const uint8x16_t)${bytes((k) => 1 << ((k & 3) + 4 * (i & 1)))}), vdupq_n_u8(${value}))`;
  if (format === "q4_0") {
    for (let c = 0; c < 4; c++) {
      lines.push(`v = ${codes("qs", c)};`);
      lines.push(`w[${c}] = vreinterpretq_s8_u8(vshlq_n_u8(v, 4));`);
      lines.push(`w[${c + 4}] = vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(0xf0)));`);
    }
    return `uint8x16_t v;\n  ${lines.join("\n  ")}`;
  }
  lines.push(tableText(kernel));
  if (format === "q3_cb") {
    lines.push(
      "const int8x16x2_t table = {{vcombine_s8(vld1_s8(t0), vld1_s8(t1)), vcombine_s8(vld1_s8(t2), vld1_s8(t3))}};",
    );
    lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 2) * 8)}, high = ${codes("qh", 0)};`);
    lines.push(`const uint8x16_t v[2] = {${codes("ql", 0)}, ${codes("ql", 1)}};`);
    for (let i = 0; i < 8; i++) {
      const shifted = i < 2 ? `v[${i & 1}]` : `vshrq_n_u8(v[${i & 1}], ${(i >> 1) * 2})`;
      const code = `vorrq_u8(vandq_u8(${shifted}, vdupq_n_u8(3)), ${highBits(i, 4)})`;
      lines.push(`w[${i}] = vqtbl2q_s8(table, vorrq_u8(${code}, row));`);
    }
    return lines.join("\n  ");
  }
  const four = (offset: number): string => `{{${[0, 1, 2, 3].map((r) => load(`t${r} + ${offset}`)).join(", ")}}}`;
  if (format === "q5_cb") {
    lines.push(`const int8x16x4_t first = {{${load("t0")}, ${load("t0 + 16")}, ${load("t1")}, ${load("t1 + 16")}}};`);
    lines.push(`const int8x16x4_t second = {{${load("t2")}, ${load("t2 + 16")}, ${load("t3")}, ${load("t3 + 16")}}};`);
    lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 2) * 32)}, high = ${codes("qh", 0)};`);
    lines.push("uint8x16_t v, code;");
    for (let i = 0; i < 8; i++) {
      if (i < 4) lines.push(`v = ${codes("qs", i)};`);
      else lines.push(`v = vshrq_n_u8(${codes("qs", i - 4)}, 4);`);
      lines.push(`code = vorrq_u8(vorrq_u8(vandq_u8(v, vdupq_n_u8(15)), ${highBits(i, 16)}), row);`);
      // Codes of rows 2 and 3 lie beyond the first table, which gives them 0; the second one replaces them.
      lines.push(`w[${i}] = vqtbx4q_s8(vqtbl4q_s8(first, code), second, vsubq_u8(code, vdupq_n_u8(64)));`);
    }
    return lines.join("\n  ");
  }
  lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 2) * 16)};`);
  lines.push("uint8x16_t v, low, high;");
  lines.push(`const int8x16x4_t table = ${four(0)};`);
  if (format === "q2_cb") lines.push(`const int8x16x4_t odd = ${four(16)};`);
  for (let c = 0; c < (format === "q2_cb" ? 2 : 4); c++) {
    lines.push(`v = ${codes("qs", c)};`);
    lines.push("low = vorrq_u8(vandq_u8(v, vdupq_n_u8(15)), row);", "high = vorrq_u8(vshrq_n_u8(v, 4), row);");
    if (format === "q2_cb") {
      lines.push(`w[${c}] = vqtbl4q_s8(table, low);`, `w[${c + 2}] = vqtbl4q_s8(table, high);`);
      lines.push(`w[${c + 4}] = vqtbl4q_s8(odd, low);`, `w[${c + 6}] = vqtbl4q_s8(odd, high);`);
    } else lines.push(`w[${c}] = vqtbl4q_s8(table, low);`, `w[${c + 4}] = vqtbl4q_s8(table, high);`);
  }
  return lines.join("\n  ");
}

/** C statements of 4x8 that fill w[0..7]. */
function vectors4x8(kernel: CKernel): string {
  const { format, at } = kernel;
  const codes = (field: string, index: number): string => `vld1q_u8(p + ${at(field) + 16 * index})`;
  const lines: string[] = [];
  // Weights 8c .. 8c+7 of rows 2p and 2p + 1.
  const highBits = (c: number, p: number, value: number): string =>
    `vandq_u8(vtstq_u8(vqtbl1q_u8(high, (const uint8x16_t)${bytes((k) => (2 * p + (k >> 3)) * 4 + c)}), ` +
    `(const uint8x16_t)${bytes((k) => 1 << (k & 7))}), vdupq_n_u8(${value}))`;
  if (format === "q4_0") {
    for (let i = 0; i < 4; i++) {
      lines.push(`v = ${codes("qs", i)};`);
      lines.push(`w[${i}] = vreinterpretq_s8_u8(vshlq_n_u8(v, 4));`);
      lines.push(`w[${i + 4}] = vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(0xf0)));`);
    }
    return `uint8x16_t v;\n  ${lines.join("\n  ")}`;
  }
  lines.push(tableText(kernel));
  if (format === "q3_cb") {
    lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 3) * 8)}, high = ${codes("qh", 0)};`);
    for (let p = 0; p < 2; p++) {
      lines.push(`const uint8x16_t v${p} = ${codes("ql", p)};`);
      lines.push(`const int8x16_t table${p} = vcombine_s8(vld1_s8(t${2 * p}), vld1_s8(t${2 * p + 1}));`);
      for (let c = 0; c < 4; c++) {
        const shifted = c === 0 ? `v${p}` : `vshrq_n_u8(v${p}, ${2 * c})`;
        const code = `vorrq_u8(vandq_u8(${shifted}, vdupq_n_u8(3)), ${highBits(c, p, 4)})`;
        lines.push(`w[${2 * c + p}] = vqtbl1q_s8(table${p}, vorrq_u8(${code}, row));`);
      }
    }
    return lines.join("\n  ");
  }
  if (format === "q5_cb") {
    lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 3) * 32)}, high = ${codes("qh", 0)};`);
    for (let p = 0; p < 2; p++) {
      const [a, b] = [`t${2 * p}`, `t${2 * p + 1}`];
      lines.push(
        `const int8x16x4_t table${p} = {{${load(a)}, ${load(`${a} + 16`)}, ${load(b)}, ${load(`${b} + 16`)}}};`,
      );
      for (let c = 0; c < 4; c++) {
        const v = codes("qs", (c % 2) * 2 + p);
        const nibbles = c < 2 ? `vandq_u8(${v}, vdupq_n_u8(15))` : `vshrq_n_u8(${v}, 4)`;
        lines.push(
          `w[${2 * c + p}] = vqtbl4q_s8(table${p}, vorrq_u8(vorrq_u8(${nibbles}, ${highBits(c, p, 16)}), row));`,
        );
      }
    }
    return lines.join("\n  ");
  }
  lines.push(`const uint8x16_t row = ${bytes((k) => (k >> 3) * 16)};`, "uint8x16_t v, low, high;");
  for (let p = 0; p < 2; p++) {
    const pair = (offset: number): string =>
      `{{${load(`t${2 * p} + ${offset}`)}, ${load(`t${2 * p + 1} + ${offset}`)}}}`;
    lines.push(`const int8x16x2_t table${p} = ${pair(0)};`);
    if (format === "q2_cb") lines.push(`const int8x16x2_t odd${p} = ${pair(16)};`);
    for (let c = 0; c < (format === "q2_cb" ? 1 : 2); c++) {
      lines.push(`v = ${codes("qs", 2 * c + p)};`);
      lines.push("low = vorrq_u8(vandq_u8(v, vdupq_n_u8(15)), row);", "high = vorrq_u8(vshrq_n_u8(v, 4), row);");
      if (format === "q2_cb") {
        lines.push(`w[${p}] = vqtbl2q_s8(table${p}, low);`, `w[${p + 2}] = vqtbl2q_s8(table${p}, high);`);
        lines.push(`w[${p + 4}] = vqtbl2q_s8(odd${p}, low);`, `w[${p + 6}] = vqtbl2q_s8(odd${p}, high);`);
      } else
        lines.push(
          `w[${2 * c + p}] = vqtbl2q_s8(table${p}, low);`,
          `w[${2 * c + 4 + p}] = vqtbl2q_s8(table${p}, high);`,
        );
    }
  }
  return lines.join("\n  ");
}

/** C statements that fill \`int8x16_t w[8]\` from the interleaved block \`p\`. */
export function neonWeights(kernel: CKernel): string {
  return kernel.layoutName === "4x4" ? vectors4x4(kernel) : vectors4x8(kernel);
}
