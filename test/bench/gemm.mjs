/**
 * The f32 products of the forward pass: GFLOP/s of one thread, and what part that is of the machine's 128-bit peak.
 *
 *   node test/bench/gemm.mjs [--runs 7]
 *
 * The peak is measured in the same run, by a loop of multiplications and additions of independent vectors in registers:
 * four lanes each, no fused operations, as WebAssembly has them. Shapes are those of tiles: 64 activation rows, weight
 * rows and columns of a layer of a model with 1 to 8 billion weights.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import binaryen from "binaryen";
import { tileRows } from "../../dist/src/forward/projections.js";
import { packPanel, panelLength } from "../../dist/src/forward/numerics/multiply.js";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "7" } } });
const RUNS = Number(options.runs);
const ROWS = 64;

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

function seconds(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** A loop over twelve vectors, each multiplied and added to: more than latency times throughput. */
function peakLoop() {
  const CHAINS = 12;
  const names = Array.from({ length: CHAINS }, (_, i) => `$a${i}`);
  const step = names.map(
    (a) => `(local.set ${a} (f32x4.add (f32x4.mul (local.get ${a}) (local.get $m)) (local.get $s)))`,
  );
  const sum = names.reduce((all, a) => `(f32x4.add ${all} (local.get ${a}))`, "(local.get $s)");
  const module = binaryen.parseText(`(module
    (func (export "peak") (param $n i32) (result f32)
      ${names.map((a) => `(local ${a} v128)`).join(" ")} (local $m v128) (local $s v128)
      (local.set $m (f32x4.splat (f32.const 0.9999))) (local.set $s (f32x4.splat (f32.const 0.0001)))
      (loop $again
        ${step.join("\n")}
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (f32x4.extract_lane 0 ${sum})))`);
  module.setFeatures(binaryen.Features.SIMD128);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary()));
  return (steps) => {
    const time = seconds(() => exports.peak(steps));
    return (steps * CHAINS * 4 * 2) / time / 1e9;
  };
}

const memory = new WebAssembly.Memory({ initial: 1024 });
const bytes = readFileSync(new URL("../../dist/quantize.wasm", import.meta.url));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });

function gemm(columns) {
  const rows = tileRows(columns);
  const [x, panel, out] = [1, 8, 40].map((mebibytes) => mebibytes << 20);
  const noise = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898));
  const packed = new Float32Array(panelLength(rows, columns));
  packPanel(noise(rows * columns), columns, rows, columns, packed);
  new Float32Array(memory.buffer, x, ROWS * columns).set(noise(ROWS * columns));
  new Float32Array(memory.buffer, panel, packed.length).set(packed);
  const repeats = Math.max(1, Math.round(2e9 / (2 * ROWS * rows * columns)));
  const time = seconds(() => {
    for (let i = 0; i < repeats; i++) exports.multiply_f32(x, columns, ROWS, columns, panel, rows, columns, out, rows);
  });
  return (repeats * 2 * ROWS * rows * columns) / time / 1e9;
}

const peak = peakLoop();
peak(1e7);
for (const columns of [64, 128, 2048, 4096, 5632, 14336]) {
  gemm(columns);
  const runs = Array.from({ length: RUNS }, () => {
    const [before, speed, after] = [peak(3e7), gemm(columns), peak(3e7)];
    return { speed, part: speed / Math.max(before, after) };
  });
  const speed = median(runs.map((run) => run.speed));
  const part = median(runs.map((run) => run.part));
  const shape = `${ROWS} x ${String(columns).padStart(5)} with ${tileRows(columns)} rows`;
  console.log(`${shape}: ${speed.toFixed(1)} GFLOP/s, ${(100 * part).toFixed(0)}% of the 128-bit peak`);
}
