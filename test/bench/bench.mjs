/**
 * Our command line against llama.cpp's quantizer, on the same file, in turn: A B A B ...
 *
 *   node test/bench/bench.mjs [--size 1.1] [--schemes q4_0,q8_0] [--runs 5] [--threads 2] [--folder /tmp] [--no-llama]
 *
 * Prints medians of wall and CPU seconds, peak memory and the ratio, and whether the tensor bytes are the same. A line
 * `q4_cb:tables=16/iq4_nl` measures our q4_cb with 16 tables against llama.cpp's IQ4_NL; `+verify=off` and the like
 * are passed on to our command. Ours is the whole process, llama.cpp's is the call alone, without loading the library.
 * `--copy` adds `cp` of the same output bytes, the floor that the disk sets.
 */
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openGguf } from "../../dist/src/read/gguf/open-gguf.js";
import { writeSyntheticModel } from "./synthetic-model.mjs";

const FTYPES = { q4_0: 2, q4_1: 3, q8_0: 7, q5_0: 8, q5_1: 9, q4_k_s: 14, q6_k: 18, iq4_nl: 25, q2_k: 10, q3_k_m: 12 };
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values: options } = parseArgs({
  options: {
    size: { type: "string", default: "1.1" },
    schemes: { type: "string", default: "q4_0,q8_0,q4_cb:tables=16/iq4_nl" },
    runs: { type: "string", default: "5" },
    threads: { type: "string", default: "2" },
    folder: { type: "string", default: "/tmp" },
    llama: { type: "boolean", default: true },
    copy: { type: "boolean", default: false },
  },
  allowNegative: true,
});

/** Wall time of a child, and what it reports of itself on descriptor 3. */
function measure(command, args) {
  const usagePath = join(options.folder, "bench-usage.json");
  const usage = openSync(usagePath, "w");
  const start = process.hrtime.bigint();
  const child = spawnSync(command, args, { stdio: ["ignore", "pipe", "pipe", usage], encoding: "utf8" });
  const wallSeconds = Number(process.hrtime.bigint() - start) / 1e9;
  closeSync(usage);
  if (child.status !== 0) throw new Error(`${args.join(" ")}: exit ${child.status}\n${child.stderr}`);
  const text = readFileSync(usagePath, "utf8");
  rmSync(usagePath);
  return { wallSeconds, stdout: child.stdout, ...(text === "" ? {} : JSON.parse(text)) };
}

function ours(input, output, scheme, flags) {
  const program = [here("../../dist/bin/quantize.js"), input, "--scheme", scheme, "-o", output, "--force", "--quiet"];
  const preload = ["--import", here("report-usage.mjs")];
  return measure(process.execPath, [...preload, ...program, "--threads", options.threads, ...flags]);
}

/** The scheme alone, without llama.cpp's exceptions for the output tensor: both programs then do the same work. */
function llama(input, output, scheme) {
  const job = { input, output, ftype: FTYPES[scheme], nthread: Number(options.threads), pure: true };
  const { stdout } = measure(process.execPath, [here("../interop/llama-quantize.mjs"), JSON.stringify(job)]);
  const result = JSON.parse(stdout.trimEnd().split("\n").at(-1));
  if (result.code !== 0) throw new Error(`llama_model_quantize returned ${result.code}`);
  return result;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Tensors of both files whose bytes differ. */
function differingTensors(pathA, pathB) {
  const [a, b] = [openGguf(pathA), openGguf(pathB)];
  const [fdA, fdB] = [openSync(pathA, "r"), openSync(pathB, "r")];
  const chunk = 2 ** 24;
  const [bufferA, bufferB] = [Buffer.alloc(chunk), Buffer.alloc(chunk)];
  const differing = a.tensors.filter((tensor) => {
    const other = b.tensors.find(({ name }) => name === tensor.name);
    const [extentA] = tensor.extents;
    const extentB = other?.extents[0];
    if (other?.codec !== tensor.codec || extentB.byteLength !== extentA.byteLength) return true;
    for (let done = 0; done < extentA.byteLength; done += chunk) {
      const length = Math.min(chunk, extentA.byteLength - done);
      readSync(fdA, bufferA, 0, length, extentA.byteOffset + done);
      readSync(fdB, bufferB, 0, length, extentB.byteOffset + done);
      if (bufferA.compare(bufferB, 0, length, 0, length) !== 0) return true;
    }
    return false;
  });
  closeSync(fdA);
  closeSync(fdB);
  return differing.length;
}

const input = join(options.folder, `bench-${options.size}.gguf`);
if (!existsSync(input)) writeSyntheticModel(input, Number(options.size) * 1e9);
console.log(
  `${input}: ${(statSync(input).size / 1e9).toFixed(2)} GB, ${options.threads} threads, ${options.runs} runs each`,
);

const seconds = (runs, key) =>
  median(runs.map((run) => run[key]))
    .toFixed(2)
    .padStart(7);
const mebibytes = (runs) => String(Math.round(Math.max(...runs.map((run) => run.peakBytes)) / 2 ** 20)).padStart(6);

for (const line of options.schemes.split(",")) {
  const [left, right = left.split(/[:+]/)[0]] = line.split("/");
  const [scheme, ...settings] = left.split(/[:+]/);
  const flags = settings.flatMap((setting) => {
    const [name, value] = setting.split("=");
    return value === undefined ? [`--${name}`] : [`--${name}`, value];
  });
  const [outA, outB, outC] = ["a", "b", "c"].map((name) => join(options.folder, `bench-${name}.gguf`));
  const [a, b, c] = [[], [], []];
  for (let run = 0; run < Number(options.runs); run++) {
    // Replacing a file costs time to free the old one: every run writes a new one.
    for (const path of [outA, outB, outC]) rmSync(path, { force: true });
    a.push(ours(input, outA, scheme, ["--pure", ...flags]));
    if (options.llama) b.push(llama(input, outB, right));
    if (options.copy) {
      const start = process.hrtime.bigint();
      copyFileSync(outA, outC);
      c.push(Number(process.hrtime.bigint() - start) / 1e9);
    }
  }
  console.log(
    `${left.padEnd(24)} wall ${seconds(a, "wallSeconds")} s  cpu ${seconds(a, "cpuSeconds")} s  peak ${mebibytes(a)} MiB`,
  );
  if (options.llama) {
    const ratio = median(b.map((run) => run.wallSeconds)) / median(a.map((run) => run.wallSeconds));
    console.log(
      `${`  llama.cpp ${right}`.padEnd(24)} wall ${seconds(b, "wallSeconds")} s  cpu ${seconds(b, "cpuSeconds")} s  peak ${mebibytes(b)} MiB  ratio ${ratio.toFixed(2)}`,
    );
    if (scheme === right) console.log(`  tensors whose bytes differ: ${differingTensors(outA, outB)}`);
  }
  if (options.copy) console.log(`  cp of the output: ${median(c).toFixed(2)} s`);
  for (const path of [outA, outB, outC]) rmSync(path, { force: true });
}
