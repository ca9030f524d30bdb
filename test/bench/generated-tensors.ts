// Relative squared error of our codebooks on generated tensors of 4096 x 4096, Gaussian and Student t (5 degrees of
// freedom), through the whole tool: the command line with its own samples, as users run it. Beside them ggml's own
// encoders, on the first PEER_ROWS rows of the same tensors.
//
//   npm run bench generated-tensors
//   TABLES=64 EFFORT=best SCHEMES="q4_cb q3_cb" PEERS=no npm run bench generated-tensors
//
// Beside each error: how many times the rate-distortion bound of a Gaussian, 2^(-2R), at the true bits per weight.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished, test } from "vitest";
import type { ConversionReport } from "#dist/src/jobs/conversion.types.js";
import { ggufHeaderBytes } from "#dist/src/write/gguf-header.js";
import { placeInDataSection } from "#dist/src/read/gguf/gguf-types.js";
import { gaussian, uniform } from "../support/weights.ts";

const SIZE = Number(process.env["SIZE"] ?? 4096);
const TABLES = process.env["TABLES"] ?? "256";
const EFFORT = process.env["EFFORT"] ?? "normal";
const SCHEMES = (process.env["SCHEMES"] ?? "q5_cb q4_cb q4_cb_g64 q3_cb q3_cb2 q2_cb").split(" ").filter(Boolean);
const PEER_ROWS = process.env["PEERS"] === "no" ? 0 : Math.min(SIZE, Number(process.env["PEER_ROWS"] ?? 1024));
const PROGRAM = fileURLToPath(new URL("../../dist/bin/quantize.js", import.meta.url));
/** Name, `ggml_type`, bits per weight. */
const PEERS = [
  ["q5_K", 13, 5.5],
  ["q5_0", 6, 5.5],
  ["q4_K", 12, 4.5],
  ["iq4_nl", 20, 4.5],
  ["q4_0", 2, 4.5],
  ["iq4_xs", 23, 4.25],
  ["q3_K", 11, 3.4375],
  ["q2_K", 10, 2.625],
] as const;

interface Line {
  readonly label: string;
  readonly bits: number;
  /** Of each distribution. */
  readonly errors: readonly number[];
  readonly seconds?: number;
}

/** Standard deviation 0.02, as weights have. */
function distributions(): readonly (readonly [name: string, next: () => number])[] {
  const [plain, heavy] = [gaussian(uniform(1)), gaussian(uniform(2))];
  const student = (): number => {
    let chi = 0;
    for (let i = 0; i < 5; i++) chi += heavy() ** 2;
    return heavy() / Math.sqrt(chi / 5);
  };
  return [
    ["Gaussian", () => 0.02 * plain()],
    ["Student t, 5 degrees", () => 0.02 * student()],
  ];
}

/** Writes the tensors as an F32 model; returns the first rows of each. */
function writeModel(path: string): Float32Array[] {
  const all = distributions();
  const byteLength = 4 * SIZE * SIZE;
  const { offsets } = placeInDataSection(
    all.map(() => byteLength),
    32,
  );
  const tensors = all.map((_, i) => {
    return { name: `blk.${i}.ffn_up.weight`, shape: [SIZE, SIZE], ggmlType: 0, byteOffset: offsets[i]! };
  });
  const metadata = new Map([["general.architecture", { type: "string", value: "llama" } as const]]);
  const header = ggufHeaderBytes({ metadata, tensors, alignment: 32 });
  const file = openSync(path, "w");
  writeSync(file, header, 0, header.length, 0);
  const heads = all.map(([, next], i) => {
    const head = new Float32Array(PEER_ROWS * SIZE);
    const row = new Float32Array(SIZE);
    for (let r = 0; r < SIZE; r++) {
      for (let c = 0; c < SIZE; c++) row[c] = next();
      if (r < PEER_ROWS) head.set(row, r * SIZE);
      writeSync(file, row, 0, row.byteLength, header.length + offsets[i]! + r * row.byteLength);
    }
    return head;
  });
  closeSync(file);
  return heads;
}

function ours(scheme: string, model: string, output: string): Line {
  const args = [model, "-s", scheme, "--tables", TABLES, "--effort", EFFORT, "-o", output, "--force", "--json"];
  const start = performance.now();
  const child = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8", maxBuffer: 2 ** 24 });
  const seconds = (performance.now() - start) / 1000;
  if (child.status !== 0) throw new Error(`${args.join(" ")}: exit ${child.status}\n${child.stderr}`);
  const { tensors, totals } = JSON.parse(child.stdout) as ConversionReport;
  return { label: scheme, bits: totals.bitsPerWeight, errors: tensors.map((t) => t.quality!.nmse), seconds };
}

interface Ggml {
  ggmlEncode(type: number, src: Float32Array, rowLength: number): Uint8Array;
  ggmlDecode(name: string, blocks: Uint8Array, count: number): Float32Array;
}

function peer(ggml: Ggml, [name, type, bits]: (typeof PEERS)[number], tensors: readonly Float32Array[]): Line {
  const errors = tensors.map((weights) => {
    const decoded = ggml.ggmlDecode(name, ggml.ggmlEncode(type, weights, SIZE), weights.length);
    let [error, energy] = [0, 0];
    for (const [i, w] of weights.entries()) {
      error += (w - decoded[i]!) ** 2;
      energy += w ** 2;
    }
    return error / energy;
  });
  return { label: `ggml ${name}`, bits, errors };
}

test("generated tensors", async () => {
  const folder = mkdtempSync(join(tmpdir(), "generated-tensors-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const model = join(folder, "generated.gguf");
  const heads = writeModel(model);
  const lines = SCHEMES.map((scheme) => ours(scheme, model, join(folder, "out.gguf")));
  if (PEER_ROWS > 0) {
    // By address: the interop package is not part of the type check.
    const ggml = (await import(new URL("../interop/ggml.ts", import.meta.url).href)) as Ggml;
    lines.push(...PEERS.map((kind) => peer(ggml, kind, heads)));
  }
  const names = distributions().map(([name]) => name);
  const head = ["scheme", "bits per weight", ...names.flatMap((name) => [name, "times the bound"]), "seconds"];
  const rows = lines
    .sort((a, b) => b.bits - a.bits || a.errors[0]! - b.errors[0]!)
    .map(({ label, bits, errors, seconds }) => [
      label,
      bits.toFixed(3),
      ...errors.flatMap((error) => [error.toPrecision(4), (error * 2 ** (2 * bits)).toFixed(2)]),
      seconds?.toFixed(1) ?? "",
    ]);
  console.log(
    `${SIZE} x ${SIZE}, ${TABLES} tables, effort ${EFFORT}; ggml: the first ${PEER_ROWS} rows\n\n` +
      [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n"),
  );
});
