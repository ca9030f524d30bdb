/**
 * `quantize eval` against llama-perplexity, the same F16 file, tokens and threads, in turn: A B A B ...
 *
 *   node test/bench/evaluate.mjs [--size 1.0] [--tokens 4096] [--context 512] [--runs 3] [--threads 2] [--scheme q4_0]
 *
 * Wall seconds of whole processes, medians, their ratio, and our peak memory; with --scheme our quantized file beside its
 * original instead, which is two passes. Both programs' perplexities are printed: they must agree. Sizes may be several,
 * `--size 1,2`. Needs `npm run interop:install` and g++.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { llamaTool } from "../interop/llama-programs.mjs";
import { writeSyntheticModel } from "./synthetic-model.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options } = parseArgs({
  options: {
    size: { type: "string", default: "1.0" },
    tokens: { type: "string", default: "4096" },
    context: { type: "string", default: "512" },
    runs: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    scheme: { type: "string" },
    folder: { type: "string", default: "/tmp" },
    llama: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const { context, threads, scheme, folder } = options;
const PROGRAM = here("../../dist/bin/quantize.js");

/** A child's wall time, and what it reports of itself on descriptor 3. */
function ours(args) {
  const usagePath = join(folder, "bench-usage.json");
  const usage = openSync(usagePath, "w");
  const start = process.hrtime.bigint();
  const child = spawnSync(process.execPath, ["--import", here("report-usage.mjs"), PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe", usage],
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const wallSeconds = Number(process.hrtime.bigint() - start) / 1e9;
  closeSync(usage);
  if (child.status !== 0) throw new Error(`${args.join(" ")}: exit ${child.status}\n${child.stderr}`);
  return { wallSeconds, report: child.stdout, ...JSON.parse(readFileSync(usagePath, "utf8")) };
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** A text of so many tokens: the vocabulary writes bytes, and one token begins it. */
const text = join(folder, "bench-text.txt");
writeFileSync(
  text,
  readFileSync(here("../../fixtures/fable/text.txt"), "latin1")
    .replace(/[^ -~]/g, "")
    .slice(0, Number(options.tokens)),
);

for (const size of options.size.split(",")) {
  const model = join(folder, `bench-evaluate-${size}.gguf`);
  if (!existsSync(model)) writeSyntheticModel(model, Number(size) * 1e9);
  const tested = scheme === undefined ? model : join(folder, `bench-evaluate-${size}-${scheme}.gguf`);
  if (!existsSync(tested)) ours([model, "-s", scheme, "--pure", "-q", "-o", tested]);
  const bytes = (statSync(model).size / 1e9).toFixed(2);
  console.log(`${model}: ${bytes} GB, ${options.tokens} tokens in windows of ${context}, ${threads} threads`);
  const beside = scheme === undefined ? [] : ["--against", model];
  const [a, b, loads] = [[], [], []];
  for (let run = 0; run < Number(options.runs); run++) {
    loads.push(loadavg()[0].toFixed(1));
    a.push(ours(["eval", tested, ...beside, "--text", text, "--context", context, "--threads", threads, "--json"]));
    if (options.llama) b.push(llamaTool("perplexity", ["-m", model, "-f", text, "-c", context, "-t", threads]));
  }
  const wall = median(a.map((run) => run.wallSeconds));
  const peak = Math.max(...a.map((run) => run.peakBytes)) / 2 ** 20;
  const { perplexity } = JSON.parse(a[0].report);
  console.log(
    `  eval             ${wall.toFixed(1)} s, peak ${peak.toFixed(0)} MiB, perplexity ${perplexity.value.toPrecision(6)}`,
  );
  if (options.llama) {
    const theirs = median(b.map((run) => run.seconds));
    const final = /PPL = ([\d.]+)/.exec(b[0].stdout + b[0].stderr)[1];
    console.log(`  llama-perplexity ${theirs.toFixed(1)} s, perplexity ${final}; ratio ${(wall / theirs).toFixed(2)}`);
  }
  console.log(`  load of the machine before each run: ${loads.join(", ")}`);
  if (tested !== model) rmSync(tested);
}
