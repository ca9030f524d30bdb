/**
 * llama-quantize as a child process: a crash or an abort of the library stays here, and time and memory are its own.
 *
 *   node llama-quantize.mjs '{"input": ..., "output": ..., "ftype": 15, "nthread": 2, "imatrix": "file.json", ...}'
 *
 * `imatrix` names a JSON file `{ "<tensor>": [values] }`; `tensorTypes` is a list of [regex, ggml type]; the other
 * keys are fields of llama_model_quantize_params. The last line of stdout is `{ code, wallSeconds, cpuSeconds, peakBytes }`.
 */
import { readFileSync } from "node:fs";
import { loadLlama } from "./libraries.mjs";

const { input, output, imatrix, tensorTypes, ...params } = JSON.parse(process.argv[2]);
const { quantize } = loadLlama();

if (imatrix !== undefined) {
  const entries = Object.entries(JSON.parse(readFileSync(imatrix, "utf8")));
  params.imatrix = [
    ...entries.map(([name, values]) => ({ name, data: Float32Array.from(values), size: values.length })),
    { name: null, data: null, size: 0 },
  ];
}
if (tensorTypes !== undefined) {
  params.tt_overrides = [...tensorTypes.map(([pattern, type]) => ({ pattern, type })), { pattern: null, type: 0 }];
}

const startCpu = process.cpuUsage();
const start = process.hrtime.bigint();
const code = quantize(input, output, params);
const wallSeconds = Number(process.hrtime.bigint() - start) / 1e9;
const { user, system } = process.cpuUsage(startCpu);
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(`\n${JSON.stringify({ code, wallSeconds, cpuSeconds: (user + system) / 1e6, peakBytes })}\n`);
process.exit(0);
