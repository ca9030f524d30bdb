// Static cycle counts of the C kernels' inner loops: GCC's code read by llvm-mca's model of a processor. One iteration
// is a block of 32 weights in one row (row-major) or four (interleaved), with one activation row or four.
//
//   CPU=neoverse-v1 MCA=llvm-mca-19 npm run bench c-kernels
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { C_FORMATS } from "#dist/src/kernels/c/formats.js";
import { generateKernels } from "#dist/src/kernels/c/generate-kernels.js";

const CPU = process.env["CPU"] ?? "neoverse-v1";
const MCA = process.env["MCA"] ?? "llvm-mca";
const ITERATIONS = 200;
const folder = mkdtempSync(join(tmpdir(), "c-kernels-"));

const SHARED = "int rows, int n, const void *w, const qz_codebook *c, const void *x";

/** A function that can be found in the assembly, around a kernel that is inlined into it. */
function wrapperText(name: string, kernel: string): string {
  return name.endsWith("gemm")
    ? `__attribute__((flatten)) void ${name}(${SHARED}, int g, float *y, int s) { ${kernel}(rows, n, w, c, x, g, y, s); }\n`
    : `__attribute__((flatten)) void ${name}(${SHARED}, float *y) { ${kernel}(rows, n, w, c, x, y); }\n`;
}

/** The loops of a function that multiply, over the blocks of a row, the shortest first. */
function blockLoops(assembly: string, name: string): readonly string[] {
  const start = assembly.indexOf(`\n${name}:`);
  const lines = assembly.slice(start, assembly.indexOf(`.size\t${name}`, start)).split("\n");
  const loops = lines.flatMap((line, end) => {
    const label = /^\t(?:b[.\w]*|cbn?z\t\w+,)\s+(\.L\w+)$/.exec(line)?.[1];
    const begin = label === undefined ? -1 : lines.indexOf(`${label}:`);
    return begin < 0 || begin > end ? [] : [lines.slice(begin, end + 1).filter((each) => /^\t[^.]/.test(each))];
  });
  const multiplying = loops.filter((loop) => loop.some((line) => /\t(?:sdot|smmla)\t/.test(line)));
  return multiplying.sort((a, b) => a.length - b.length).map((loop) => loop.join("\n"));
}

function cycles(loop: string): number {
  const path = join(folder, "loop.s");
  writeFileSync(path, `${loop}\n`);
  const flags = ["-mtriple=aarch64", `-mcpu=${CPU}`, "-mattr=+dotprod,+i8mm,+fullfp16", `-iterations=${ITERATIONS}`];
  const report = execFileSync(MCA, [...flags, path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return Number(/Total Cycles:\s+(\d+)/.exec(report)![1]) / ITERATIONS;
}

test("static cycles of the C kernels", () => {
  console.log(`${CPU}, cycles for 4 rows x 32 weights x 1 activation row; in brackets against the same type in rows`);
  for (const [target, layout, architecture] of [
    ["dotprod", "4x4", "armv8.2-a+fp16+dotprod"],
    ["i8mm", "4x8", "armv8.6-a+fp16+dotprod+i8mm"],
  ] as const) {
    const kernels = ["q4_0_rows", "q4_cb_rows", ...C_FORMATS.map((format) => `${format}_${layout}`)].flatMap(
      (kernel) => (kernel.endsWith("rows") ? [`${kernel}_gemv`] : [`${kernel}_gemv`, `${kernel}_gemm`]),
    );
    const wrappers = kernels.map((kernel) => wrapperText(kernel, `qz_${kernel}_neon`)).join("");
    writeFileSync(join(folder, "kernels.c"), generateKernels({ target }) + wrappers);
    const flags = ["-O3", "-ffp-contract=off", `-march=${architecture}`, "-S"];
    execFileSync("aarch64-linux-gnu-gcc", [...flags, join(folder, "kernels.c"), "-o", join(folder, "kernels.s")]);
    const assembly = readFileSync(join(folder, "kernels.s"), "utf8");
    const rows = new Map<string, number>();
    for (const kernel of kernels) {
      const isRows = kernel.includes("_rows_");
      // Matrix-matrix kernels have a loop for four activation rows and one for eight.
      const loops = blockLoops(assembly, kernel);
      const counts = kernel.endsWith("gemm")
        ? [cycles(loops[0]!) / 4, cycles(loops[1]!) / 8]
        : [cycles(loops[0]!) * (isRows ? 4 : 1)];
      const format = kernel.split(/_(?:rows|4x)/)[0]!;
      if (isRows) rows.set(format, counts[0]!);
      const base = rows.get(format);
      const cells = counts.map(
        (count) => count.toFixed(1).padStart(6) + (base === undefined ? "" : ` (${(base / count).toFixed(2)}x)`),
      );
      console.log(`${target.padEnd(8)} ${kernel.padEnd(18)} ${cells.join("  8 rows:")}`);
    }
  }
});
