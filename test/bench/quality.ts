// Relative squared error (sum of squared error over sum of squares) of every scheme, ours and ggml's own encoders, at
// true bits per weight: learned tables and levels are counted. Beside it the gain over the rate-distortion bound of a
// Gaussian, 2^(-2R): how many times more error than the best possible code of that size.
//
//   npm run bench quality
//   MODEL=model.gguf TABLES=256 EFFORT=best npm run bench quality
//
// MODEL: a float model, or `gaussian` / `student` (5 degrees), a generated tensor of SIZE x SIZE (default 1024).
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { bitsPerWeight, type CodebookFormat, type Effort } from "#dist/codecs/codec.js";
import { prepareCodebook } from "#dist/codecs/codebooks/prepare-codebook.js";
import { findFormat } from "#dist/codecs/registry.js";
import { fitCodebook } from "#dist/src/fit/fit-codebook.js";
import { FIXED_TABLE_NAMES, fixedTables } from "#dist/src/fit/fixed-tables.js";
import { fitBytes, moduleSteps } from "#dist/src/fit/module-steps.js";
import { planSample, sampledGroups } from "#dist/src/fit/sample.js";
import { automaticTables } from "#dist/src/plan/table-count.js";
import { openModel } from "#dist/src/open/open-model.js";
import { readWeights } from "../support/read-weights.ts";
import { wasmInstance } from "../support/wasm.ts";
import { gaussian, uniform } from "../support/weights.ts";

const MODEL = process.env["MODEL"] ?? fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
const TABLES = process.env["TABLES"] ?? "auto,256";
const EFFORT = (process.env["EFFORT"] ?? "normal") as Effort;
const SIZE = Number(process.env["SIZE"] ?? 1024);
const OURS = (process.env["FORMATS"] ?? "q5_cb q4_cb q4_cb_g64 q3_cb q3_cb2 q3_cb_g64 q2_cb q2_cb_g64").split(" ");
/** Name, ggml_type, bits per weight. */
const PEERS = [
  ["q5_K", 13, 5.5],
  ["q5_0", 6, 5.5],
  ["q4_K", 12, 4.5],
  ["iq4_nl", 20, 4.5],
  ["q4_0", 2, 4.5],
  ["iq4_xs", 23, 4.25],
  ["q3_K", 11, 3.4375],
  ["iq3_s", 21, 3.4375],
  ["q2_K", 10, 2.625],
  ["iq2_s", 22, 2.5625],
] as const;

interface Matrix {
  readonly name: string;
  readonly weights: Float32Array;
  readonly rowLength: number;
}

const wasm = wasmInstance(64);
const { memory } = wasm;

interface Ggml {
  ggmlEncode(type: number, src: Float32Array, rowLength: number, imatrix?: Float32Array): Uint8Array;
  ggmlDecode(name: string, blocks: Uint8Array, count: number): Float32Array;
}

/** Runs one of our codebook formats; returns the decoded weights and the bytes of tables and levels. */
function ours(
  format: CodebookFormat,
  { weights, rowLength }: Matrix,
  wanted: string,
  importance?: Float32Array,
): [Float32Array, number] {
  const { blockSize, blockBytes } = format;
  const rows = weights.length / rowLength;
  const bytes = (weights.length / blockSize) * blockBytes;
  const fixed = fixedTables(wanted);
  const tables = fixed ? 1 : wanted === "auto" ? automaticTables(format, bytes) : Number(wanted);
  const runs = planSample(rows, rowLength, blockSize, sampledGroups(tables, EFFORT));
  const take = (of: (row: number, from: number, to: number) => Float32Array): Float32Array => {
    const parts = runs.map((run) => of(run.row, run.startColumn, run.startColumn + run.columnCount));
    const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) (out.set(part, at), (at += part.length));
    return out;
  };
  const sample = take((row, from, to) => weights.subarray(row * rowLength + from, row * rowLength + to));
  const base = 1 << 20;
  reserve(base + fitBytes(format, sample.length, true) + 4096);
  const codebook = fitCodebook(format, sample, {
    tables,
    effort: EFFORT,
    steps: moduleSteps(wasm, base),
    ...(fixed ? { fixedTables: fixed } : {}),
    ...(importance ? { importance: take((_, from, to) => importance.subarray(from, to)) } : {}),
  });
  const prepared = prepareCodebook(format, codebook, EFFORT);
  const [at, row, src] = [base, base + (4 << 20), base + (5 << 20)] as const;
  const to = src + weights.byteLength + 64;
  reserve(to + bytes + 64);
  new Uint8Array(memory.buffer).set(prepared, at);
  new Float32Array(memory.buffer, src, weights.length).set(weights);
  if (importance) new Float32Array(memory.buffer, row, rowLength).set(importance);
  wasm.encoder(format.name)!(src, to, rows, rowLength, importance ? row : 0, at);
  wasm.decoder(format.name)!(to, src, weights.length / blockSize, at);
  const decoded = new Float32Array(memory.buffer, src, weights.length).slice();
  return [decoded, codebook.tables.byteLength + codebook.levels.byteLength];
}

function reserve(bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
}

async function matrices(): Promise<Matrix[]> {
  if (MODEL === "gaussian" || MODEL === "student") {
    const next = gaussian(uniform(1));
    const value = (): number => {
      if (MODEL === "gaussian") return next();
      let chi = 0;
      const z = next();
      for (let i = 0; i < 5; i++) chi += next() ** 2;
      return z / Math.sqrt(chi / 5);
    };
    return [{ name: MODEL, weights: Float32Array.from({ length: SIZE * SIZE }, value), rowLength: SIZE }];
  }
  const model = await openModel(MODEL);
  return model.tensors
    .filter(({ shape, name }) => shape.length >= 2 && shape[0]! % 256 === 0 && name.endsWith(".weight"))
    .map(({ name, shape }) => ({ name, weights: readWeights(model, name), rowLength: shape[0]! }));
}

/** attn_q, ffn_down, token_embd, ... */
function roleOf(name: string): string {
  return name.replace(/^blk\.\d+\./, "").replace(/\.weight$/, "");
}

interface Score {
  error: number;
  energy: number;
  weightedError: number;
  weightedEnergy: number;
  bits: number;
  weights: number;
}

const noScore = (): Score => ({ error: 0, energy: 0, weightedError: 0, weightedEnergy: 0, bits: 0, weights: 0 });

function addScore(score: Score, a: Float32Array, b: Float32Array, importance: Float32Array, weighted: boolean): void {
  for (let i = 0; i < a.length; i++) {
    const square = (a[i]! - b[i]!) ** 2;
    const v = importance[i % importance.length]!;
    if (weighted) {
      score.weightedError += v * square;
      score.weightedEnergy += v * a[i]! ** 2;
    } else {
      score.error += square;
      score.energy += a[i]! ** 2;
    }
  }
}

test("quality", async () => {
  // By address: the interop package is not part of the type check.
  const { ggmlDecode, ggmlEncode } = (await import(new URL("../interop/ggml.ts", import.meta.url).href)) as Ggml;
  const all = await matrices();
  const schemes = [
    ...OURS.flatMap((name) => TABLES.split(",").map((tables) => [name, tables] as const)),
    ...FIXED_TABLE_NAMES.map((name) => ["q4_cb", name] as const),
    ...PEERS.map(([name]) => [name, ""] as const),
  ];
  const rows: { label: string; bits: number; error: number; weighted: number; roles: Map<string, Score> }[] = [];
  for (const [name, tables] of schemes) {
    const total = noScore();
    const roles = new Map<string, Score>();
    for (const [index, matrix] of all.entries()) {
      const { weights, rowLength } = matrix;
      const next = gaussian(uniform(100 + index));
      const importance = Float32Array.from({ length: rowLength }, () => Math.exp(1.5 * next()));
      const peer = PEERS.find(([peerName]) => peerName === name);
      const role = roles.get(roleOf(matrix.name)) ?? noScore();
      roles.set(roleOf(matrix.name), role);
      for (const weighted of [false, true]) {
        let decoded: Float32Array;
        let bits: number;
        if (peer) {
          const encoded = ggmlEncode(peer[1], weights, rowLength, weighted ? importance : undefined);
          decoded = ggmlDecode(name, encoded, weights.length);
          bits = peer[2] * weights.length;
        } else {
          const format = findFormat(name) as CodebookFormat;
          const [out, side] = ours(format, matrix, tables, weighted ? importance : undefined);
          decoded = out;
          bits = bitsPerWeight(format) * weights.length + side * 8;
        }
        addScore(total, weights, decoded, importance, weighted);
        addScore(role, weights, decoded, importance, weighted);
        if (!weighted) {
          total.bits += bits;
          total.weights += weights.length;
        }
      }
    }
    const label = tables === "" ? `ggml ${name}` : `${name}, ${tables}`;
    const bits = total.bits / total.weights;
    const error = total.error / total.energy;
    rows.push({ label, bits, error, weighted: total.weightedError / total.weightedEnergy, roles });
  }
  const names = [...rows[0]!.roles.keys()];
  const byRole = names.length > 1 ? names : [];
  const head = ["scheme", "bits per weight", "error", "times the bound", "importance-weighted", ...byRole];
  const lines = rows
    .sort((a, b) => b.bits - a.bits || a.error - b.error)
    .map(({ label, bits, error, weighted, roles }) => [
      label,
      bits.toFixed(3),
      error.toFixed(6),
      (error * 2 ** (2 * bits)).toFixed(2),
      weighted.toFixed(6),
      ...byRole.map((role) => (roles.get(role)!.error / roles.get(role)!.energy).toFixed(5)),
    ]);
  console.log(
    `${MODEL}, effort ${EFFORT}\n\n` +
      [head, head.map(() => "---"), ...lines].map((l) => `| ${l.join(" | ")} |`).join("\n"),
  );
});
