import { expect, test } from "vitest";
import { withWorkers } from "#dist/src/engine/with-workers.js";

const PROGRAM = new URL("../support/worker-program.mjs", import.meta.url);
const counts = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4));

test("all threads run a caller's module as a team, again and again", async () => {
  const shared = counts(40);
  const notes: unknown[] = [];
  const results = await withWorkers({ threads: 3 }, async (workers) => {
    expect(workers.threads).toBe(3);
    const first = await workers.run(PROGRAM, { what: "share", counts: shared }, (note) => notes.push(note));
    return [first, await workers.run(PROGRAM, { what: "share", counts: shared })];
  });
  const ranks = [0, 1, 2].map((rank) => ({ rank, floats: Float32Array.of(rank) }));
  expect(results).toEqual([ranks, ranks]);
  expect(notes.sort()).toEqual(["thread 0 of 3", "thread 1 of 3", "thread 2 of 3"]);
  expect(shared[0]).toBeGreaterThanOrEqual(202);
  // Each part once in each run, by one of the three.
  expect(shared.subarray(1).every((count) => count >= 2 && count <= 6)).toBe(true);
});

test("a thread's failure arrives as it was thrown, and ends the others", async () => {
  const error = await withWorkers({ threads: 3 }, (workers) => workers.run(PROGRAM, { what: "fail" })).catch((e) => e);
  expect(error).toMatchObject({ name: "RangeError", message: "this thread fails" });
  expect((error as Error).stack).toContain("worker-program.mjs");
});

test("results that cannot be sent, modules without a program, and missing modules are errors", async () => {
  await withWorkers({ threads: 2 }, async (workers) => {
    await expect(workers.run(PROGRAM, { what: "function" })).rejects.toThrow("could not be cloned");
    const empty = new URL("data:text/javascript,export const a = 1");
    await expect(workers.run(empty, {})).rejects.toThrow("expected a function as default export, found undefined");
    await expect(workers.run(new URL("missing.mjs", PROGRAM), {})).rejects.toThrow("missing.mjs");
    // The threads are as good as before.
    expect(await workers.run(PROGRAM, { what: "share", counts: counts(1) })).toHaveLength(2);
  });
});

test("a signal ends what runs", async () => {
  const controller = new AbortController();
  const running = withWorkers({ threads: 2, signal: controller.signal }, async (workers) => {
    const endless = workers.run(PROGRAM, { what: "wait" });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    return endless;
  });
  await expect(running).rejects.toThrow("enough");
});

test.each([0, 1.5, NaN])("%d threads are an error", async (threads) => {
  await expect(withWorkers({ threads }, async () => {})).rejects.toThrow("expected at least 1");
});
