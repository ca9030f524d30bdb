import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveCodec } from "#dist/codecs/registry.js";
import { planMemory } from "#dist/src/engine/plan-memory.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { verify } from "#dist/src/jobs/verify.js";
import { ggufHeaderBytes } from "#dist/src/write/gguf-header.js";
import { placeInDataSection } from "#dist/src/read/gguf/gguf-types.js";
import { randomWeights } from "../support/models.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "engine-slow-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const MIB = 2 ** 20;

/** Runs the command line in a process of its own; its peak resident memory in bytes. */
function peakOf(args: readonly string[]): number {
  const usagePath = join(folder, "usage.json");
  const usage = openSync(usagePath, "w");
  const program = [
    "--import",
    here("../bench/report-usage.mjs"),
    here("../../dist/bin/quantize.js"),
    ...args,
    "--quiet",
  ];
  const child = spawnSync(process.execPath, program, { stdio: ["ignore", "pipe", "pipe", usage], encoding: "utf8" });
  closeSync(usage);
  expect(child.stderr).toBe("");
  expect(child.status).toBe(0);
  return (JSON.parse(readFileSync(usagePath, "utf8")) as { peakBytes: number }).peakBytes;
}

test("memory is bounded by the plan, not by the model", async () => {
  const bound = 400 * MIB;
  const peaks: number[] = [];
  for (const size of [0.6e9, 1.2e9]) {
    const input = join(folder, "large.gguf");
    const made = spawnSync(process.execPath, [here("../bench/synthetic-model.mjs"), String(size / 1e9), input]);
    expect(made.status).toBe(0);
    expect(statSync(input).size).toBeGreaterThan(bound);
    const plan = planConversion(await openModel(input), { scheme: "q4_0" });
    expect(planMemory(plan, { threads: 4, maxMemory: bound }).peakBytes).toBeLessThanOrEqual(bound);
    const output = join(folder, "large-q4.gguf");
    const flags = ["--scheme", "q4_0", "--threads", "4", "--max-memory", "400M", "--force", "-o", output];
    peaks.push(peakOf([input, ...flags]));
    rmSync(input);
    rmSync(output);
  }
  for (const peak of peaks) expect(peak).toBeLessThanOrEqual(bound);
  expect(peaks[1]! / peaks[0]!).toBeLessThan(1.15);
});

test("many threads are not started where the bound has no room for them", () => {
  const output = join(folder, "few.gguf");
  const flags = ["--scheme", "q4_0", "--threads", "64", "--max-memory", "256M", "-o", output];
  expect(peakOf([here("../../fixtures/fable/fable-f16.gguf"), ...flags])).toBeLessThanOrEqual(256 * MIB);
});

test("learned tables stay within the plan too", async () => {
  const input = join(folder, "tables.gguf");
  spawnSync(process.execPath, [here("../bench/synthetic-model.mjs"), "0.2", input]);
  const plan = planConversion(await openModel(input), { scheme: "q4_cb", tables: 64 });
  const { peakBytes } = planMemory(plan, { threads: 2 });
  const output = join(folder, "tables-q4.gguf");
  const peak = peakOf([input, "--scheme", "q4_cb", "--tables", "64", "--threads", "2", "-o", output]);
  expect(peak).toBeLessThanOrEqual(peakBytes);
  rmSync(input);
});

test("offsets beyond 4 GiB, in the input and in the output", async () => {
  const weights = randomWeights(2048 * 64, 3, 0.1);
  const bytes = new Uint8Array(2 * weights.length);
  resolveCodec("f16").encode!(weights, bytes, { rowLength: 2048 });
  const metadata = new Map([["general.architecture", { type: "string", value: "llama" } as const]]);

  // Two tensors of zeros, holes in the file, and the one that matters behind them.
  const write = (path: string, rows: number): void => {
    const zeros = [0, 1].map((i) => ({ name: `blk.0.ffn_${i}.weight`, shape: [2048, rows], ggmlType: 1 }));
    const list = [...zeros, { name: "blk.1.attn_q.weight", shape: [2048, 64], ggmlType: 1 }];
    const sizes = list.map(({ shape }) => shape[0]! * shape[1]! * 2);
    const { offsets, byteLength } = placeInDataSection(sizes, 32);
    const tensors = list.map((tensor, i) => ({ ...tensor, byteOffset: offsets[i]! }));
    const header = ggufHeaderBytes({ metadata, tensors, alignment: 32 });
    const fd = openSync(path, "w");
    ftruncateSync(fd, header.length + byteLength);
    writeSync(fd, header, 0, header.length, 0);
    writeSync(fd, bytes, 0, bytes.length, header.length + offsets[2]!);
    closeSync(fd);
  };

  const reports = [];
  for (const rows of [16, 1_048_576 + 16]) {
    const input = join(folder, `sparse-${rows}.gguf`);
    const output = join(folder, `sparse-${rows}-q8.gguf`);
    write(input, rows);
    reports.push(await quantize({ input, output, scheme: "q8_0" }));
    if (rows > 16) {
      expect(statSync(input).size).toBeGreaterThan(2 * 2 ** 32);
      expect(statSync(output).size).toBeGreaterThan(2 ** 32);
      expect((await verify({ input: output, against: input })).damaged).toEqual([]);
    }
    rmSync(input);
    rmSync(output);
  }
  const [small, large] = reports.map(({ tensors }) => tensors.find(({ name }) => name === "blk.1.attn_q.weight")!);
  expect(large).toMatchObject({ hash: small!.hash, sourceHash: small!.sourceHash, quality: small!.quality });
});
