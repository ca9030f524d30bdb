import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, FABLE, FABLE_FOLDER, ROOT, temporaryFolder } from "../support/cli.js";

describe("the main job", () => {
  test("writes a file, prints a line per tensor, and exits 0", () => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = cli([FABLE, "--scheme", "q8_0"], { cwd: folder });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual(["fable-q8_0.gguf"]);
    expect(stdout).toMatch(/^blk\.0\.ffn_up\.weight +q8_0 +136 KiB +8\.5 +\S+ +0\.9999\d +\S+$/m);
    expect(stdout).toMatch(/^error +NMSE 0\.0000\d+|NMSE \d\.\de-5/m);
    expect(stdout).toMatch(/^output +fable-q8_0\.gguf/m);
  });

  test("--json is the report, the same for any number of threads and either backend but for times", () => {
    const folder = temporaryFolder();
    const steady = (json: string): unknown =>
      JSON.parse(json, (key, value: unknown) =>
        ["seconds", "threads", "plannedMemory", "output", "backend"].includes(key) ? undefined : value,
      );
    const run = (name: string, ...more: string[]) =>
      cli([FABLE, "-s", "q4_0", "-l", "4x8", "-o", join(folder, name), "--json", ...more]);
    const one = run("one.gguf", "--threads", "1");
    const two = run("two.gguf", "--threads", "2", "--backend", "scalar");
    expect(one.code).toBe(0);
    expect(steady(one.stdout)).toEqual(steady(two.stdout));
    expect(readFileSync(join(folder, "one.gguf")).equals(readFileSync(join(folder, "two.gguf")))).toBe(true);
    const report = JSON.parse(one.stdout);
    expect(report).toMatchObject({ verify: "kernels", totals: { tensors: 21, encodedTensors: 16 } });
    expect(report.tensors[0]).toMatchObject({ name: "output.weight", to: { codec: "q6_K" } });
  });

  test("takes a Hugging Face folder", () => {
    const folder = temporaryFolder();
    expect(cli([FABLE_FOLDER, "-s", "q4_0", "-q"], { cwd: folder })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(readdirSync(folder)).toEqual(["hf-q4_0.gguf"]);
  });

  test("a missed budget prints the report, leaves no file, and exits 3", () => {
    const folder = temporaryFolder();
    const args = [FABLE, "-s", "q4_0", "--max-nmse", "0.0001"];
    const text = cli(args, { cwd: folder });
    expect(text.code).toBe(3);
    expect(text.stdout).toContain("blk.0.ffn_up.weight");
    expect(text.stderr).toMatch(/^quantize: .*NMSE 0\.00\d+, at most 0\.0001 allowed.*\n$/);
    const json = cli([...args, "--json"], { cwd: folder });
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ totals: {}, error: { code: "budget", exitCode: 3 } });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("outputs that must not be written", () => {
  test("an existing file is kept, unless --force", () => {
    const folder = temporaryFolder();
    const output = join(folder, "out.gguf");
    writeFileSync(output, "precious");
    const refused = cli([FABLE, "-s", "q8_0", "-o", output]);
    expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("--force") });
    expect(readFileSync(output, "utf8")).toBe("precious");
    expect(cli([FABLE, "-s", "q8_0", "-o", output, "--force", "-q"]).code).toBe(0);
    expect(readFileSync(output).subarray(0, 4).toString()).toBe("GGUF");
  });

  test("the input is never the output, even with --force", () => {
    const input = join(temporaryFolder(), "model.gguf");
    copyFileSync(FABLE, input);
    const { code, stderr } = cli([input, "-s", "q8_0", "-o", input, "--force"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quantize: .*the output is the input/);
    expect(readFileSync(input).equals(readFileSync(FABLE))).toBe(true);
  });
});

describe("bad models leave no output", () => {
  const bytes = readFileSync(FABLE);
  const withNaN = Buffer.from(bytes);
  withNaN.writeUInt16LE(0x7e00, withNaN.length - 2000);
  test.each([
    ["a truncated file", bytes.subarray(0, bytes.length - 5000)],
    ["NaN weights", withNaN],
  ])("%s", (_what, content) => {
    const folder = temporaryFolder();
    const input = join(folder, "bad.gguf");
    writeFileSync(input, content);
    const { code, stdout, stderr } = cli([input, "-s", "q8_0", "-o", join(folder, "out.gguf")]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^quantize: .*\n$/);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(["bad.gguf"]);
  });
});

test("Ctrl-C takes the temporary file away and exits 130", async () => {
  const folder = temporaryFolder();
  const args = [join(ROOT, "dist/bin/quantize.js"), FABLE, "-s", "q4_cb", "--effort", "best", "--tables", "256"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const hasPartial = (): boolean => readdirSync(folder).some((name) => name.endsWith(".partial"));
  while (!hasPartial() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hasPartial()).toBe(true);
  child.kill("SIGINT");
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on("close", (...result) => resolve(result)),
  );
  expect({ code, signal }).toEqual({ code: 130, signal: null });
  expect(readdirSync(folder)).toEqual([]);
  expect(existsSync(join(folder, "fable-q4_cb.gguf"))).toBe(false);
});
