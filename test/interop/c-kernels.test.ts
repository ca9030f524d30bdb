/**
 * The generated C header, compiled for Arm and run under emulation: results equal those of the reference kernels, bit
 * for bit, scalar and NEON. Needs aarch64-linux-gnu-gcc and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rowBytes } from "../../dist/codecs/codec.js";
import { findFormat, isCodebookFormat } from "../../dist/codecs/registry.js";
import { findLayout } from "../../dist/layouts/registry.js";
import { pack } from "../../dist/layouts/pack.js";
import { C_FORMATS } from "../../dist/src/kernels/c/formats.js";
import { generateKernels } from "../../dist/src/kernels/c/generate-kernels.js";
import { gemm } from "../../dist/src/kernels/gemm.js";
import {
  interleaveActivations,
  quantizeActivations,
  readActivations,
} from "../../dist/src/kernels/quantize-activations.js";
import { noise, someCodebook } from "../support/kernel-inputs.ts";

const COMPILER = "aarch64-linux-gnu-gcc";
const EMULATOR = "qemu-aarch64";
const ROWS = 16;
const ROW_LENGTH = 256;
/** Three groups of four: the kernels take two at a time and one that is left. */
const ACTS = 12;

const exists = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;
const missing = [COMPILER, EMULATOR].filter((tool) => !exists(tool));
if (missing.length > 0) {
  const message = `C kernels are not tested: ${missing.join(" and ")} missing (Debian: g++-aarch64-linux-gnu qemu-user)`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(message);
}

const folder = mkdtempSync(join(tmpdir(), "c-kernels-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that reads inputs from a file and prints the results of every kernel of a format, in order. */
function programText(formats: readonly string[], layoutName: string, chunk: number): string {
  const calls = formats.map((format) => {
    const kernel = `qz_${format}_${layoutName}`;
    return `
  if (strcmp(argv[1], "${format}") == 0) {
    ${kernel}_gemv_scalar(ROWS, LENGTH, weights, &book, acts, out);
    ${kernel}_gemv_neon(ROWS, LENGTH, weights, &book, acts, out + ROWS);
    ${kernel}_gemv(ROWS, LENGTH, weights, &book, acts, out + 2 * ROWS);
    ${kernel}_gemm_scalar(ROWS, LENGTH, weights, &book, interleaved, ACTS / 4, out + 3 * ROWS, ROWS);
    ${kernel}_gemm_neon(ROWS, LENGTH, weights, &book, interleaved, ACTS / 4, out + (3 + ACTS) * ROWS, ROWS);
    ${kernel}_gemm(ROWS, LENGTH, weights, &book, interleaved, ACTS / 4, out + (3 + 2 * ACTS) * ROWS, ROWS);
  }`;
  });
  return `
#include "kernels.h"
#include <stdio.h>
enum { ROWS = ${ROWS}, LENGTH = ${ROW_LENGTH}, ACTS = ${ACTS}, BLOCKS = LENGTH / 32 };
static uint8_t weights[ROWS * LENGTH], acts[ACTS * BLOCKS * 34], interleaved[ACTS * BLOCKS * 34];
static int8_t tables[256 * 32];
static float levels[256], x[ACTS * LENGTH], out[(3 + 3 * ACTS) * ROWS];
int main(int argc, char **argv) {
  FILE *in = argc > 2 ? fopen(argv[2], "rb") : NULL;
  if (!in || fread(weights, 1, sizeof weights, in) != sizeof weights || fread(tables, 1, sizeof tables, in) != sizeof tables ||
      fread(levels, 1, sizeof levels, in) != sizeof levels || fread(x, 1, sizeof x, in) != sizeof x) return 1;
  qz_codebook book = {tables, levels};
  for (int act = 0; act < ACTS; act++) qz_quantize_q8_0(x + act * LENGTH, LENGTH, acts + act * BLOCKS * 34);
  for (int group = 0; group < ACTS / 4; group++)
    qz_interleave_q8_0(acts + group * BLOCKS * 136, LENGTH, ${chunk}, interleaved + group * BLOCKS * 136);
  ${calls.join("")}
  if (strcmp(argv[1], "q4_0_rows") == 0) qz_q4_0_rows_gemv_neon(ROWS, LENGTH, weights, &book, acts, out);
  if (strcmp(argv[1], "q4_cb_rows") == 0) qz_q4_cb_rows_gemv_neon(ROWS, LENGTH, weights, &book, acts, out);
  fwrite(acts, 1, sizeof acts, stdout);
  fwrite(interleaved, 1, sizeof interleaved, stdout);
  fwrite(out, 1, sizeof out, stdout);
  return 0;
}
`;
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(bytes);
  return out;
}

const asBytes = ({ buffer, byteOffset, byteLength }: Float32Array | Int8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

for (const [target, layoutName, chunk, architecture] of [
  ["dotprod", "4x4", 4, "armv8.2-a+fp16+dotprod"],
  ["i8mm", "4x8", 8, "armv8.6-a+fp16+dotprod+i8mm"],
] as const)
  describe.skipIf(missing.length > 0)(`C kernels for ${target}`, () => {
    const program = join(folder, target);
    test("the header compiles without warnings, for Arm and for any machine", () => {
      writeFileSync(join(folder, "kernels.h"), generateKernels({ target }));
      writeFileSync(`${program}.c`, programText(C_FORMATS, layoutName, chunk));
      const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-static"];
      execFileSync(COMPILER, [...flags, `-march=${architecture}`, `${program}.c`, "-lm", "-o", program]);
      writeFileSync(join(folder, "plain.c"), '#include "kernels.h"\nint main(void) { return 0; }\n');
      execFileSync(COMPILER, [...flags, "-march=armv8-a", join(folder, "plain.c"), "-o", join(folder, "plain")]);
      execFileSync(COMPILER.replace("gcc", "g++"), [
        "-std=c++17",
        "-fsyntax-only",
        "-x",
        "c++",
        join(folder, "plain.c"),
      ]);
    });

    for (const name of C_FORMATS)
      test(`${name}: bits of the reference kernel, matrix-vector and matrix-matrix, scalar and NEON`, () => {
        const format = findFormat(name)!;
        const layout = findLayout(format, layoutName)!;
        const rowSize = rowBytes(format, ROW_LENGTH);
        const codebook = isCodebookFormat(format) ? someCodebook(format) : undefined;
        const rows = Uint8Array.from(noise(ROWS * rowSize, 3), (each) => Math.abs(each) * 256);
        // Random half-precision scales would be infinite now and then: keep their exponents small.
        if (codebook === undefined) for (let at = 1; at < rows.length; at += format.blockBytes) rows[at]! &= 0xbb;
        const packed = new Uint8Array(rows.length);
        pack(layout, rows, packed, ROWS, rowSize);
        const x = noise(ACTS * ROW_LENGTH, 4);
        x.fill(0, 32, 64);
        const input = join(folder, `${target}.${name}.bin`);
        const levels = new Float32Array(256);
        levels.set(codebook?.levels ?? []);
        writeFileSync(
          input,
          Buffer.concat([
            padded(packed, ROWS * ROW_LENGTH),
            padded(asBytes(codebook?.tables ?? new Int8Array()), 256 * 32),
            asBytes(levels),
            asBytes(x),
          ]),
        );
        const output = execFileSync(EMULATOR, ["-cpu", "max", program, name, input]);

        const quantized = quantizeActivations("q8_0", x, ROW_LENGTH);
        const interleaved = interleaveActivations("q8_0", quantized, ROW_LENGTH, chunk);
        expect(Buffer.compare(output.subarray(0, quantized.length), quantized)).toBe(0);
        expect(Buffer.compare(output.subarray(quantized.length, 2 * quantized.length), interleaved)).toBe(0);
        const want = new Float32Array(ACTS * ROWS);
        const acts = readActivations("q8_0", quantized, ROW_LENGTH);
        gemm({ layout, bytes: packed, rows: ROWS, rowLength: ROW_LENGTH, codebook }, acts, want);
        const got = new Float32Array(new Uint8Array(output.subarray(2 * quantized.length)).buffer);
        for (const [index, verb] of ["scalar", "neon", "chosen"].entries()) {
          const vector = got.subarray(index * ROWS, (index + 1) * ROWS);
          expect([`gemv ${verb}`, ...vector]).toEqual([`gemv ${verb}`, ...want.subarray(0, ROWS)]);
          const start = 3 * ROWS + index * ACTS * ROWS;
          expect([`gemm ${verb}`, ...got.subarray(start, start + ACTS * ROWS)]).toEqual([`gemm ${verb}`, ...want]);
        }
        if (name !== "q4_0" && name !== "q4_cb") return;
        const plain = readFileSync(input);
        plain.set(rows);
        writeFileSync(input, plain);
        const fromRows = execFileSync(EMULATOR, ["-cpu", "max", program, `${name}_rows`, input]);
        const sums = new Float32Array(new Uint8Array(fromRows.subarray(2 * quantized.length)).buffer, 0, ROWS);
        expect([...sums]).toEqual([...want.subarray(0, ROWS)]);
      });
  });
