import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { quantize } from "#dist/src/jobs/quantize.js";
import { stemOf } from "#dist/src/read/hidden-stem.js";
import { writeAtomically } from "#dist/src/write/atomic-output.js";
import { makerOf, temporaryName } from "#dist/src/write/temporary-name.js";
import { cli, FABLE, ROOT, temporaryFolder } from "../support/cli.ts";

/** The number of a process that has ended. */
function deadProcess(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

/** What a run of that process would have called its file. */
function nameBy(pid: number, target: string): string {
  return temporaryName(target, "partial").replace(`-${process.pid}-`, `-${pid}-`);
}

test.each([
  ["a short name", "a.gguf"],
  ["231 bytes", `${"m".repeat(226)}.gguf`],
  ["255 bytes", `${"m".repeat(250)}.gguf`],
  ["255 bytes of three each", `${"模".repeat(83)}a.gguf`],
])("%s can be written, and its temporary name is no longer than allowed", async (_, name) => {
  const path = join(temporaryFolder(), name);
  const temporary = temporaryName(path, "journal");
  expect(Buffer.byteLength(temporary)).toBeLessThanOrEqual(Math.max(96, Buffer.byteLength(name)));
  expect(makerOf(temporary, path)).toEqual({ kind: "journal", pid: process.pid, state: "alive" });
  await writeAtomically({ path }, { write: (file) => writeFileSync(file, "x") });
  expect(statSync(path).size).toBe(1);
});

test("long names that begin alike have temporary names of their own", () => {
  const [a, b] = ["a", "b"].map((end) => `${"m".repeat(240)}${end}`);
  expect(stemOf(a!)).not.toBe(stemOf(b!));
  expect(makerOf(temporaryName(a!, "partial"), b!)).toBeUndefined();
});

test("what a killed run has left of the same output is removed by the next one, and named", async () => {
  const folder = temporaryFolder();
  const output = join(folder, "out.gguf");
  const dead = nameBy(deadProcess(), output);
  const [alive, other] = [nameBy(process.ppid, output), nameBy(deadProcess(), join(folder, "other.gguf"))];
  const foreign = nameBy(deadProcess(), output).replace(/\.[0-9a-f]{4}-/, ".zzzz-");
  for (const name of [dead, alive, other, foreign]) writeFileSync(join(folder, name), "left");
  const { warnings } = await quantize({ input: FABLE, output, scheme: "q4_0", verify: "off" });
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^removed ${dead}, which process \\d+ had left`))]);
  expect(readdirSync(folder).sort()).toEqual([alive, other, foreign, "out.gguf"].sort());
});

test("a killed run's own leftovers are recognized", async () => {
  const folder = temporaryFolder();
  const args = [join(ROOT, "dist/bin/quantize.js"), FABLE, "-s", "q4_cb", "--effort", "best", "--tables", "256"];
  const child = spawn(process.execPath, [...args, "-o", join(folder, "out.gguf")], { stdio: "ignore" });
  while (readdirSync(folder).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.on("exit", resolve));
  const left = readdirSync(folder).find((name) => name.endsWith(".partial"));
  expect(left).toMatch(/^\.out\.gguf\..*\.partial$/);
  const { stdout } = cli([FABLE, "-s", "q4_0", "-o", join(folder, "out.gguf")]);
  expect(stdout).toContain(`removed ${left}`);
  expect(readdirSync(folder)).toEqual(["out.gguf"]);
});

test("a terminal that closes takes the temporary file along", async () => {
  const folder = temporaryFolder();
  copyFileSync(FABLE, join(folder, "in.gguf"));
  const args = [join(ROOT, "dist/bin/quantize.js"), "in.gguf", "-s", "q4_cb", "--effort", "best", "--tables", "256"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore" });
  while (readdirSync(folder).length === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGHUP");
  await new Promise((resolve) => child.on("exit", resolve));
  expect(readdirSync(folder)).toEqual(["in.gguf"]);
  expect(existsSync(join(folder, "in-q4_cb.gguf"))).toBe(false);
});
