// How many times as fast may N threads be here? node test/bench/cores.mjs [threads, default 2]
//
// Encodes q4_0 over and over in each of 1 and of N threads, on buffers that never leave the first-level cache: nothing
// is read, written, sent or shared but the processor itself. What N threads do together, over what one does alone, is
// the most that a conversion can gain from them. Below N where "cores" are two threads of one core, as in many virtual
// machines.
import { readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { instantiateWasm } from "../../dist/src/wasm/wasm-exports.js";

const WEIGHTS = 4096;
const SECONDS = 2;
const ROUNDS = 5;

/** Weights encoded per nanosecond, between two points in time that all threads share. */
function encodeFor({ module, from, until }) {
  const memory = new WebAssembly.Memory({ initial: 32 });
  const wasm = instantiateWasm(module, memory);
  const encode = wasm.encoder("q4_0");
  const source = (wasm.heap_base() + 63) & ~63;
  const weights = new Float32Array(memory.buffer, source, WEIGHTS);
  for (let i = 0; i < WEIGHTS; i++) weights[i] = Math.sin(i * 12.9898) * 0.05;
  const target = source + WEIGHTS * 4 + 64;
  const round = () => encode(source, target, 1, WEIGHTS, 0);
  while (Date.now() < from) round();
  const start = process.hrtime.bigint();
  let rounds = 0;
  for (; Date.now() < until; rounds += 100) for (let i = 0; i < 100; i++) round();
  return (rounds * WEIGHTS) / Number(process.hrtime.bigint() - start);
}

async function together(module, threads) {
  const from = Date.now() + 500;
  const speeds = Array.from({ length: threads }, () => {
    const data = { module, from, until: from + SECONDS * 1000 };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    return new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
  });
  return (await Promise.all(speeds)).reduce((sum, speed) => sum + speed, 0);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

if (isMainThread) {
  const threads = Number(process.argv[2] ?? 2);
  const module = new WebAssembly.Module(readFileSync(new URL("../../dist/quantize.wasm", import.meta.url)));
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push([await together(module, 1), await together(module, threads)]);
  const alone = median(rounds.map(([one]) => one));
  const all = median(rounds.map(([, many]) => many));
  console.log(`1 thread   ${alone.toFixed(2)} weights/ns`);
  console.log(`${threads} threads  ${all.toFixed(2)} weights/ns, ${(all / alone).toFixed(2)} times`);
} else {
  parentPort.postMessage(encodeFor(workerData));
}
