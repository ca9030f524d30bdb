import fs, { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { SET_KEY } from "#dist/src/container/manifest-keys.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { currentPaths } from "#dist/src/read/replacement-record.js";
import { finishNaming, giveNames } from "#dist/src/write/give-names.js";
import { createTemporary, letGo, removeTemporary } from "#dist/src/write/temporary-files.js";
import { cli, FABLE, temporaryFolder } from "../support/cli.ts";

const real = { ...fs };
/** Calls of the system that the code under test makes go to these instead. */
function replaceCalls(calls: Partial<typeof fs>): void {
  Object.assign(fs, calls);
  syncBuiltinESMExports();
}
afterEach(() => replaceCalls({ renameSync: real.renameSync, linkSync: real.linkSync, fdatasync: real.fdatasync }));

/** Files of a set: old ones in place, new ones complete. */
function prepare(folder: string, count = 3, hasOld = true) {
  const paths = Array.from({ length: count }, (_, i) => join(folder, `m-0000${i + 1}-of-0000${count}.gguf`));
  const files = paths.map((path, i) => {
    if (hasOld) writeFileSync(path, `old ${i}`);
    const temporaryPath = createTemporary(path);
    letGo(temporaryPath);
    writeFileSync(temporaryPath, `new ${i}`);
    return { path, temporaryPath };
  });
  return { paths, files };
}

/** What the set would be read from, and what it is. */
function seen(paths: readonly string[]): string {
  const texts = currentPaths(paths).map((path) => (existsSync(path) ? readFileSync(path, "utf8") : "none"));
  const kinds = new Set(texts.map((text) => text.split(" ")[0]!));
  return kinds.size === 1 ? [...kinds][0]! : "a mixture";
}

class Killed extends Error {}

/** Runs something that comes to an end at its n-th call of rename or link, as by a kill. @returns whether it did */
function killAt(n: number, run: () => void): boolean {
  let left = n;
  let isDead = false;
  const dying = <A extends unknown[]>(call: (...args: A) => void) =>
    function (...args: A): void {
      isDead ||= left-- === 0;
      // Nothing happens any more after a kill, whatever the program would do.
      if (isDead) throw new Killed();
      call(...args);
    };
  replaceCalls({ renameSync: dying(real.renameSync), linkSync: dying(real.linkSync) } as Partial<typeof fs>);
  try {
    run();
    return false;
  } catch (error) {
    if (!isDead) throw error;
    return true;
  } finally {
    replaceCalls({ renameSync: real.renameSync, linkSync: real.linkSync });
  }
}

describe("the files of a set get their names together", () => {
  test.each([
    ["where there were none", false],
    ["in place of others", true],
  ])("%s", (_, hasOld) => {
    const folder = temporaryFolder();
    const { paths, files } = prepare(folder, 3, hasOld);
    giveNames(files, hasOld);
    expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(["new 0", "new 1", "new 2"]);
    expect(readdirSync(folder).sort()).toEqual(paths.map((path) => basename(path)));
  });

  test.each([
    ["EIO at any rename", true],
    ["EIO at any link", false],
  ])("a failure leaves all as it was: %s", (_, hasOld) => {
    for (let n = 1; ; n++) {
      const folder = temporaryFolder();
      const { paths, files } = prepare(folder, 3, hasOld);
      let left = n;
      const failing = <A extends unknown[]>(call: (...args: A) => void) =>
        function (...args: A): void {
          if (left-- === 0) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO", syscall: "rename" });
          call(...args);
        };
      replaceCalls({ renameSync: failing(real.renameSync), linkSync: failing(real.linkSync) } as Partial<typeof fs>);
      let error: unknown;
      try {
        giveNames(files, hasOld);
      } catch (thrown) {
        error = thrown;
      }
      replaceCalls({ renameSync: real.renameSync, linkSync: real.linkSync });
      for (const { temporaryPath } of files) removeTemporary(temporaryPath);
      if (left >= 0) {
        expect(n).toBeGreaterThan(3);
        break;
      }
      if (error === undefined) continue;
      expect(error).toMatchObject({ code: "io" });
      expect(seen(paths), `failure ${n}`).toBe(hasOld ? "old" : "none");
      expect(readdirSync(folder).sort()).toEqual(hasOld ? paths.map((path) => basename(path)) : []);
    }
  });

  test.each([
    ["where there were none", false],
    ["in place of others", true],
  ])("a kill at any moment leaves the old ones or the new ones, and the next run finishes: %s", (_, hasOld) => {
    const found = new Set<string>();
    for (let n = 0; ; n++) {
      const folder = temporaryFolder();
      const { paths, files } = prepare(folder, 3, hasOld);
      if (!killAt(n, () => giveNames(files, hasOld))) break;
      const state = seen(paths);
      found.add(state);
      expect(["new", hasOld ? "old" : "none"], `kill at call ${n}`).toContain(state);
      // For other programs: without a first file there is no set.
      const names = paths.map((path) => (existsSync(path) ? readFileSync(path, "utf8").split(" ")[0] : "none"));
      if (names[0] !== "none") expect(new Set(names).size, `kill at call ${n}: ${names}`).toBe(1);
      finishNaming(paths[0]!);
      expect(seen(paths)).toBe(state);
      if (state !== "new") continue;
      expect(readdirSync(folder).sort()).toEqual(paths.map((path) => basename(path)));
    }
    expect(found.size).toBe(2);
  });

  test("what came into being meanwhile is not replaced, and nothing else appears", () => {
    const folder = temporaryFolder();
    const { paths, files } = prepare(folder, 3, false);
    writeFileSync(paths[1]!, "mine");
    expect(() => giveNames(files, false)).toThrow(/came into being in the meantime/);
    for (const { temporaryPath } of files) removeTemporary(temporaryPath);
    expect(readdirSync(folder)).toEqual([basename(paths[1]!)]);
    expect(readFileSync(paths[1]!, "utf8")).toBe("mine");
  });

  test("after a kill, what stands in the way is not replaced without force either", () => {
    const { paths, files } = prepare(temporaryFolder(), 3, false);
    expect(killAt(2, () => giveNames(files, false))).toBe(true);
    writeFileSync(paths[0]!, "mine");
    expect(() => finishNaming(paths[0]!)).toThrow(/stands in the way/);
    expect(readFileSync(paths[0]!, "utf8")).toBe("mine");
  });
});

describe("files of two conversions", () => {
  const options = { input: FABLE, scheme: "q4_0", verify: "off" } as const;
  const make = async (output: string, more: { scheme?: string; input?: string } = {}) =>
    (await quantize({ ...options, ...more, output, splitMaxBytes: 300_000 })).outputs!;

  test("a set that was begun anew and not finished does not open", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "a"));
    mkdirSync(join(folder, "b"));
    // Another source with the same names, shapes and sizes: as of a model that was trained on.
    const bytes = readFileSync(FABLE);
    bytes[bytes.length - 1000]! ^= 1;
    writeFileSync(join(folder, "tuned.gguf"), bytes);
    const a = await make(join(folder, "a/m.gguf"));
    const b = await make(join(folder, "b/m.gguf"), { input: join(folder, "tuned.gguf") });
    expect(a.map((path) => basename(path))).toEqual(b.map((path) => basename(path)));
    renameSync(b[1]!, a[1]!);
    for (const command of ["inspect", "dequantize", "unpack"]) {
      const { code, stderr } = cli([command, a[0]!], { cwd: folder });
      expect(stderr).toMatch(/m-00002-of-\d+\.gguf: key "quantize\.set": expected ".*the files come from different/);
      expect(code).toBe(1);
    }
  });

  test("the identity belongs to the set and is not copied", async () => {
    const folder = temporaryFolder();
    const [first] = await make(join(folder, "m.gguf"));
    expect((await openModel(first!)).metadata.get(SET_KEY)).toMatchObject({
      value: expect.stringMatching(/^\w{16}-\w{16}$/),
    });
    const single = await quantize({ input: first!, scheme: "copy", output: join(folder, "one.gguf"), verify: "off" });
    expect((await openModel(single.output)).metadata.has(SET_KEY)).toBe(false);
  });
});

test("an error of a flush in the background fails the run, though the last fsync passes", async () => {
  const folder = temporaryFolder();
  const input = join(folder, "in.gguf");
  const output = join(folder, "out.gguf");
  writeFileSync(output, "precious");
  // More than 64 MiB, so that something is flushed while it is written.
  const { writeGguf } = await import("../support/models.ts");
  const shape = [4096, 9000];
  writeGguf(input, new Map(), [
    { name: "blk.0.ffn_up.weight", shape, type: 1, bytes: new Uint8Array(2 * 4096 * 9000) },
  ]);
  let calls = 0;
  const fail = (_fd: number, done: (error: NodeJS.ErrnoException) => void): void => {
    calls++;
    setImmediate(() => done(Object.assign(new Error("EIO: i/o error"), { code: "EIO", syscall: "fdatasync" })));
  };
  replaceCalls({ fdatasync: fail as typeof fs.fdatasync });
  const run = quantize({ input, output, scheme: "copy", force: true, threads: 1 });
  await expect(run).rejects.toMatchObject({
    code: "io",
    message: `${output}: cannot be written: the disk reports an error`,
  });
  expect(calls).toBeGreaterThan(0);
  expect(readFileSync(output, "utf8")).toBe("precious");
  rmSync(input);
  expect(readdirSync(folder)).toEqual(["out.gguf"]);
});
