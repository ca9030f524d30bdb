import { spawn } from "node:child_process";
import { existsSync, linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { writeAtomically } from "#dist/src/write/atomic-output.js";
import { withFileLog } from "#dist/src/read/file-log.js";
import { readWholeFile } from "#dist/src/read/input-file.js";
import { temporaryFolder } from "../support/gguf-file.ts";

const write = (path: string) => writeFileSync(path, "new");

test("the file appears whole, nothing else stays", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "out.gguf");
  const seen: boolean[] = [];
  const result = await writeAtomically(
    { path, byteLength: 3 },
    {
      write: (temporaryPath) => {
        expect(readFileSync(temporaryPath)).toHaveLength(3);
        write(temporaryPath);
        seen.push(existsSync(path));
        return 42;
      },
      check: (temporaryPath) => void seen.push(existsSync(path), readFileSync(temporaryPath, "utf8") === "new"),
    },
  );
  expect(result).toBe(42);
  expect(seen).toEqual([false, false, true]);
  expect(readdirSync(folder)).toEqual(["out.gguf"]);
  expect(readFileSync(path, "utf8")).toBe("new");
});

test.each(["write", "check"] as const)("a failure in %s leaves the old file and nothing else", async (step) => {
  const folder = temporaryFolder();
  const path = join(folder, "out.gguf");
  writeFileSync(path, "old");
  const fail = () => {
    throw new Error("no");
  };
  const steps = { write, [step]: fail };
  await expect(writeAtomically({ path, force: true }, steps)).rejects.toThrow("no");
  expect(readdirSync(folder)).toEqual(["out.gguf"]);
  expect(readFileSync(path, "utf8")).toBe("old");
});

test("an existing file is refused, and replaced with force", async () => {
  const path = join(temporaryFolder(), "out.gguf");
  writeFileSync(path, "old");
  await expect(writeAtomically({ path }, { write })).rejects.toMatchObject({ code: "output-exists" });
  expect(readFileSync(path, "utf8")).toBe("old");
  await writeAtomically({ path, force: true }, { write });
  expect(readFileSync(path, "utf8")).toBe("new");
});

test("a file that comes into being meanwhile is not replaced", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "out.gguf");
  const meanwhile = (temporaryPath: string) => {
    write(temporaryPath);
    writeFileSync(path, "other");
  };
  await expect(writeAtomically({ path }, { write: meanwhile })).rejects.toMatchObject({
    code: "output-exists",
  });
  expect(readdirSync(folder)).toEqual(["out.gguf"]);
  expect(readFileSync(path, "utf8")).toBe("other");
});

test("an input is never the output: by name, symbolic link or hard link, force or not", async () => {
  const folder = temporaryFolder();
  const input = join(folder, "in.gguf");
  writeFileSync(input, "in");
  symlinkSync(input, join(folder, "symbolic.gguf"));
  linkSync(input, join(folder, "hard.gguf"));
  for (const name of ["in.gguf", "./../" + folder.split("/").at(-1) + "/in.gguf", "symbolic.gguf", "hard.gguf"]) {
    const attempt = withFileLog(() => {
      readWholeFile(input, 10);
      return writeAtomically({ path: join(folder, name), force: true }, { write });
    });
    await expect(attempt, name).rejects.toThrow(/the output is the input/);
  }
  expect(readFileSync(input, "utf8")).toBe("in");
});

test.each([
  ["a folder that is not there", "nowhere/out.gguf", undefined, "io"],
  ["a folder as the file", ".", undefined, "output-exists"],
  ["more bytes than the disk has", "out.gguf", 2 ** 52, "no-room"],
])("%s is refused before anything is written", async (_, name, byteLength, code) => {
  const folder = temporaryFolder();
  const options = { path: join(folder, name), byteLength, force: true };
  await expect(writeAtomically(options, { write })).rejects.toMatchObject({ name: "QuantizeError", code });
  expect(readdirSync(folder)).toEqual([]);
});

test("outputs within outputs share one handler for each signal, and leave none", async () => {
  const folder = temporaryFolder();
  const count = () => process.listenerCount("SIGINT") + process.listenerCount("exit");
  const before = count();
  let most = 0;
  const nest = async (depth: number): Promise<void> => {
    most = Math.max(most, count());
    if (depth === 0) return;
    await writeAtomically({ path: join(folder, `${depth}.gguf`) }, { write: () => nest(depth - 1) });
  };
  await nest(20);
  expect(readdirSync(folder)).toHaveLength(20);
  expect([count(), most]).toEqual([before, before + 2]);
});

test.each([["SIGINT"], ["SIGTERM"]] as const)("%s leaves nothing behind and ends the process", async (signal) => {
  const folder = temporaryFolder();
  const module = createRequire(import.meta.url).resolve("#dist/src/write/atomic-output.js");
  const script = `
    import { writeAtomically } from ${JSON.stringify(pathToFileURL(module).href)};
    await writeAtomically({ path: ${JSON.stringify(join(folder, "out.gguf"))}, byteLength: 10 }, {
      write: () => { console.log("writing"); return new Promise((done) => setTimeout(done, 60000)); },
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  expect(readdirSync(folder)).toHaveLength(1);
  const ended = new Promise((resolve) => child.once("exit", (_, by) => resolve(by)));
  child.kill(signal);
  expect(await ended).toBe(signal);
  expect(readdirSync(folder)).toEqual([]);
});
