/**
 * What an effort costs and what it gives: CPU seconds of the fit, speed of the encoder, error on a generated tensor and
 * on another one that the fit never saw, as ratios to the last effort of the list.
 *
 *   node test/bench/fit.mjs [--formats q4_cb] [--tables 256] [--efforts fast,normal,best] [--kinds gaussian,student]
 *                           [--rows 1024] [--runs 1] [--importance]
 *
 * A tensor has rows of 4096 weights; `student` has 5 degrees of freedom.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { prepareCodebook } from "../../dist/codecs/codebooks/prepare-codebook.js";
import { findFormat } from "../../dist/codecs/registry.js";
import { fitCodebook } from "../../dist/src/fit/fit-codebook.js";
import { fixedTables } from "../../dist/src/fit/fixed-tables.js";
import { fitBytes, moduleSteps } from "../../dist/src/fit/module-steps.js";
import { planSample, sampledGroups } from "../../dist/src/fit/sample.js";
import { instantiateWasm } from "../../dist/src/wasm/wasm-exports.js";

const ROW = 4096;
const { values: options } = parseArgs({
  options: {
    formats: { type: "string", default: "q4_cb" },
    tables: { type: "string", default: "256" },
    efforts: { type: "string", default: "fast,normal,best" },
    kinds: { type: "string", default: "gaussian,student" },
    rows: { type: "string", default: "1024" },
    runs: { type: "string", default: "1" },
    importance: { type: "boolean", default: false },
  },
});

const memory = new WebAssembly.Memory({ initial: 64 });
const module = new WebAssembly.Module(readFileSync(new URL("../../dist/quantize.wasm", import.meta.url)));
const wasm = instantiateWasm(module, memory);

function reserve(bytes) {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
}

/** Gaussian numbers (mulberry32, Box and Muller, both of a pair). */
function gaussian(seed) {
  let state = (seed * 0x9e3779b1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  let spare;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

function generate(kind, count, seed) {
  const next = gaussian(seed);
  const student = () => {
    let chi = 0;
    for (let i = 0; i < 5; i++) chi += next() ** 2;
    return next() / Math.sqrt(chi / 5);
  };
  const value = kind === "gaussian" ? next : student;
  return Float32Array.from({ length: count }, () => 0.02 * value());
}

function take(runs, of) {
  const parts = runs.map((run) => of(run.row, run.startColumn, run.startColumn + run.columnCount));
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

function fit(format, weights, importance, wanted, effort) {
  const fixed = fixedTables(wanted);
  const tables = fixed ? 16 : Number(wanted);
  const runs = planSample(weights.length / ROW, ROW, format.blockSize, sampledGroups(tables, effort));
  const sample = take(runs, (row, from, to) => weights.subarray(row * ROW + from, row * ROW + to));
  const base = 1 << 20;
  reserve(base + fitBytes(format, sample.length, true) + 4096);
  const steps = moduleSteps(wasm, base);
  const start = cpuSeconds();
  const codebook = fitCodebook(format, sample, {
    tables: Math.min(256, tables),
    effort,
    steps,
    ...(fixed ? { fixedTables: fixed } : {}),
    ...(importance ? { importance: take(runs, (_, from, to) => importance.subarray(from, to)) } : {}),
  });
  return [codebook, cpuSeconds() - start];
}

/** Relative squared error, CPU seconds of the encoder, of a decoder. */
function encode(format, weights, importance, codebook, effort) {
  const prepared = prepareCodebook(format, codebook, effort);
  const bytes = (weights.length / format.blockSize) * format.blockBytes;
  const at = 1 << 20;
  const row = at + (4 << 20);
  const src = row + (1 << 20);
  const dst = src + weights.byteLength + 64;
  reserve(dst + bytes + 64);
  new Uint8Array(memory.buffer).set(prepared, at);
  new Float32Array(memory.buffer, src, weights.length).set(weights);
  if (importance) new Float32Array(memory.buffer, row, ROW).set(importance);
  const start = cpuSeconds();
  wasm.encoder(format.name)(src, dst, weights.length / ROW, ROW, importance ? row : 0, at);
  const middle = cpuSeconds();
  wasm.decoder(format.name)(dst, src, weights.length / format.blockSize, at);
  const end = cpuSeconds();
  const decoded = new Float32Array(memory.buffer, src, weights.length);
  let error = 0;
  let energy = 0;
  for (let i = 0; i < weights.length; i++) {
    const v = importance ? importance[i % ROW] : 1;
    error += v * (weights[i] - decoded[i]) ** 2;
    energy += v * weights[i] ** 2;
  }
  return [error / energy, middle - start, end - middle];
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const efforts = options.efforts.split(",");
const count = Number(options.rows) * ROW;
console.log(
  "| format | tables | weights | effort | fit, s | encode, Mweights/s | error | error, unseen | over the last |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
for (const kind of options.kinds.split(",")) {
  const weights = generate(kind, count, 1);
  const unseen = generate(kind, Math.min(count, 1 << 20), 2);
  const next = gaussian(3);
  const importance = options.importance ? Float32Array.from({ length: ROW }, () => Math.exp(1.5 * next())) : undefined;
  for (const name of options.formats.split(",")) {
    for (const tables of options.tables.split(",")) {
      const format = findFormat(name);
      const results = efforts.map((effort) => {
        const fits = [];
        const speeds = [];
        let error;
        let codebook;
        for (let run = 0; run < Number(options.runs); run++) {
          let seconds;
          [codebook, seconds] = fit(format, weights, importance, tables, effort);
          fits.push(seconds);
          let encodeSeconds;
          [error, encodeSeconds] = encode(format, weights, importance, codebook, effort);
          speeds.push(count / encodeSeconds / 1e6);
        }
        const [other] = encode(format, unseen, importance, codebook, effort);
        return { effort, fit: median(fits), speed: median(speeds), error, other };
      });
      const last = results.at(-1);
      for (const { effort, fit: seconds, speed, error, other } of results) {
        const over = `${((error / last.error - 1) * 100).toFixed(1)}%, ${((other / last.other - 1) * 100).toFixed(1)}%`;
        const cells = [name, tables, kind, effort, seconds.toFixed(2), speed.toFixed(1)];
        console.log(`| ${[...cells, error.toPrecision(4), other.toPrecision(4), over].join(" | ")} |`);
      }
    }
  }
}
