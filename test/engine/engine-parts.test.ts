import { describe, expect, test } from "vitest";
import type { Codebook } from "#dist/codecs/codec.js";
import { QuantizeError } from "#dist/src/errors.js";
import { bandsOf } from "#dist/src/engine/worker/bands.js";
import { describeFailure, locateFailure, restoreFailure } from "#dist/src/engine/worker/failure.js";
import { makeSchedule } from "#dist/src/engine/schedule.js";
import type { Task } from "#dist/src/engine/worker/tasks.types.js";
import { addErrorSums, cosineOf, nmseOf } from "#dist/src/verify/error-sums.js";
import { formatHash, xxh64, xxh64Add, xxh64Finish, xxh64Start } from "#dist/src/verify/xxh64.js";
import { randomWeights } from "../support/models.ts";
import { wasmInstance } from "../support/wasm.ts";

const wasm = wasmInstance(32);
const { memory } = wasm;
const [A, B, OUT] = [4 << 16, 12 << 16, 24 << 16] as const;

describe("bands", () => {
  test.each([[[4096, 14336]], [[14336, 4096]], [[100]], [[32, 7, 5]], [[3, 1000003]], [[5000000, 3]]])(
    "of %j cover every row once, in order, and stay in their slice",
    (shape) => {
      const sliceRows = shape[1] ?? 1;
      let next = 0;
      for (const { slice, startRow, endRow } of bandsOf(shape)) {
        expect(startRow).toBe(next);
        expect(endRow).toBeGreaterThan(startRow);
        expect(Math.floor(startRow / sliceRows)).toBe(slice);
        expect(Math.floor((endRow - 1) / sliceRows)).toBe(slice);
        if (endRow % sliceRows !== 0) expect((endRow - startRow) % 16).toBe(0);
        next = endRow;
      }
      expect(next).toBe(sliceRows * (shape[2] ?? 1));
    },
  );
});

describe("schedule", () => {
  const jobs = [
    { shape: [256, 8192], isFitted: true },
    { shape: [256], isFitted: false },
    { shape: [64, 64, 5], isFitted: true },
    { shape: [4096, 512], isFitted: false },
  ];
  const codebook: Codebook = { tables: new Int8Array(16), levels: new Float32Array(1) };

  test.each([1, 2, 7])("with %i threads hands out every band once, after its fit", (threads) => {
    const schedule = makeSchedule(jobs, threads);
    const running: Task[] = [];
    const fitted = new Set<string>();
    const done: string[] = [];
    for (;;) {
      for (let task; running.length < threads && (task = schedule.next()) !== undefined;) running.push(task);
      const task = running.shift();
      if (task === undefined) break;
      if (task.kind === "fit") {
        expect(fitted.has(`${task.job}/${task.slice}`)).toBe(false);
        fitted.add(`${task.job}/${task.slice}`);
        schedule.fitted(task.job, task.slice, codebook);
        continue;
      }
      for (const { job, index, band, codebook: book } of task.bands) {
        expect(book !== undefined).toBe(jobs[job]!.isFitted);
        if (jobs[job]!.isFitted) expect(fitted.has(`${job}/${band.slice}`)).toBe(true);
        done.push(`${job}/${index}`);
      }
    }
    const expected = jobs.flatMap(({ shape }, job) => bandsOf(shape).map((_, index) => `${job}/${index}`));
    expect(done.toSorted()).toEqual(expected.toSorted());
  });

  test("fits run ahead of the bands, but not far", () => {
    const many = Array.from({ length: 50 }, () => ({ shape: [1024, 1024], isFitted: true }));
    const schedule = makeSchedule(many, 1);
    const first = Array.from({ length: 2 }, () => schedule.next()!);
    expect(first.map(({ kind }) => kind)).toEqual(["fit", "fit"]);
    for (const task of first) if (task.kind === "fit") schedule.fitted(task.job, task.slice, codebook);
    expect(Array.from({ length: 4 }, () => schedule.next()!.kind)).toEqual(["bands", "fit", "bands", "fit"]);
  });
});

describe("xxh64", () => {
  test.each([
    ["", "ef46db3751d8e999"],
    ["abc", "44bc2cf5ad770999"],
    ["Call me Ishmael. Some years ago--never mind how long precisely-", "02a2e85470d6fd96"],
  ])("of %j is the published one", (text, expected) => {
    expect(formatHash(xxh64(new TextEncoder().encode(text)))).toBe(expected);
  });

  test("does not depend on how the bytes arrive, nor on the twin", () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31) >> 3);
    const expected = xxh64(bytes);
    for (const step of [1, 7, 31, 32, 33, 1000]) {
      const state = new Uint8Array(72);
      xxh64Start(state);
      const twin = new Uint8Array(memory.buffer, OUT, 72);
      xxh64Start(twin);
      for (let start = 0; start < bytes.length; start += step) {
        const part = bytes.subarray(start, start + step);
        xxh64Add(state, part);
        new Uint8Array(memory.buffer, A, part.length).set(part);
        wasm.xxh64_add(OUT, A, part.length);
      }
      expect(xxh64Finish(state)).toBe(expected);
      expect(xxh64Finish(twin)).toBe(expected);
    }
  });
});

describe("error sums", () => {
  const cases: [string, (i: number) => number][] = [
    ["ordinary weights", (i) => randomWeights(1, i, 0.1)[0]!],
    ["huge weights", (i) => ((i % 7) - 3) * 1e30],
    ["tiny weights", (i) => ((i % 7) - 3) * 1e-30],
    ["zeros", () => 0],
    ["one NaN", (i) => (i === 300 ? NaN : 0.5)],
  ];
  test.each(cases)("%s: the twin has the definition's bits, in f64's neighbourhood", (_, weight) => {
    for (const rowLength of [1, 7, 8, 255, 256, 260, 700]) {
      const a = Float32Array.from({ length: 2 * rowLength }, (_, i) => weight(i));
      const b = a.map((x, i) => x * (1 + (i % 5) / 100));
      const sums = new Float64Array(3);
      addErrorSums(a, b, rowLength, sums);
      new Float32Array(memory.buffer, A, a.length).set(a);
      new Float32Array(memory.buffer, B, b.length).set(b);
      const twin = new Float64Array(memory.buffer, OUT, 3).fill(0);
      wasm.error_sums(A, B, 2, rowLength, OUT);
      expect([...twin]).toEqual([...sums]);
      const exact = a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);
      if (Number.isFinite(exact)) expect(Math.abs(sums[0]! - exact)).toBeLessThanOrEqual(exact * 1e-5);
      expect(wasm.all_finite(A, a.length)).toBe(a.every(Number.isFinite) ? 1 : 0);
    }
  });

  test("edges of NMSE and cosine", () => {
    expect([nmseOf([0, 0, 0]), cosineOf([0, 0, 0])]).toEqual([0, 1]);
    expect([nmseOf([1, 0, 1]), cosineOf([1, 0, 1])]).toEqual([Infinity, 0]);
    expect(cosineOf([4, 1, 1])).toBe(-1);
  });
});

test("errors cross threads with name, code, stack and causes", () => {
  const inner = new QuantizeError("bad-data", "row 3", { cause: new TypeError("deep") });
  const restored = restoreFailure(structuredClone(describeFailure(locateFailure(inner, "tensor a"))));
  expect(restored).toBeInstanceOf(QuantizeError);
  expect(restored).toMatchObject({ code: "bad-data", message: "tensor a: row 3" });
  expect((restored.cause as Error).stack).toBe(inner.stack);
  expect(((restored.cause as Error).cause as Error).name).toBe("TypeError");
  const system = Object.assign(new Error("ENOSPC: no space left"), { syscall: "write", code: "ENOSPC" });
  expect(locateFailure(system, "tensor a")).toMatchObject({ code: "io" });
  expect(locateFailure(new RangeError("defect"), "tensor a")).not.toHaveProperty("code");
});
