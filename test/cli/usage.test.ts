import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cli, FABLE, temporaryFolder } from "../support/cli.js";

describe("wrong words end with exit code 2 and one line", () => {
  test.each([
    [[], "no model given"],
    [["plann", FABLE], 'Did you mean the command "plan"?'],
    [[FABLE], "no scheme given"],
    [[FABLE, "--schem", "q4_0"], "Did you mean --scheme?"],
    [["plan", FABLE, "-s", "q4_cv"], 'did you mean "q4_cb"?'],
    [["plan", FABLE, "-s", "q4_0", "-l", "4x9"], "unknown layout"],
    [["plan", FABLE, "-s", "q4_0", "-t", "[=q4_0"], "rule"],
    [["plan", FABLE, "-s", "q4_0", "-t", "nothing_like_this=q8_0"], "nothing_like_this"],
    [["-s", "q4_0", "plan", FABLE], "options go after the command"],
    [[FABLE, "-s", "q4_0", "--threads", "none"], "whole number"],
    [[FABLE, "-s", "q4_0", "--max-memory", "1 yard"], "size"],
    [[FABLE, "-s", "q4_0", "--verify", "maybe"], "Allowed choices"],
    [[FABLE, "-s", "q4_0", "-o", "-"], "expected a file to write, found -"],
  ])("%j", (args, message) => {
    const { code, stdout, stderr } = cli(args);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^quantize: /);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

test("with --json a failure is an object on stdout too", () => {
  const { code, stdout, stderr } = cli(["plan", FABLE, "-s", "q99", "--json"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^quantize: unknown scheme/);
  expect(JSON.parse(stdout)).toEqual({
    error: { code: "unknown-name", message: expect.stringContaining("q99"), exitCode: 2 },
  });
});

describe("files that are no models end with exit code 1 and one line", () => {
  test.each([
    ["empty", Buffer.alloc(0)],
    ["text", Buffer.from("hello, this is not a model at all, but a text of some length")],
    ["truncated", Buffer.from("GGUF\u0003\0\0\0", "latin1")],
  ])("%s", (name, bytes) => {
    const path = join(temporaryFolder(), `${name}.gguf`);
    writeFileSync(path, bytes);
    for (const args of [
      ["inspect", path],
      ["plan", path, "-s", "q4_0"],
    ]) {
      const { code, stdout, stderr } = cli(args);
      expect(stderr).toContain(`${name}.gguf`);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(stdout).toBe("");
      expect(code).toBe(1);
    }
  });

  test("missing", () => {
    const { code, stderr } = cli(["inspect", "no-such-file.gguf"]);
    expect(stderr).toMatch(/^quantize: no-such-file\.gguf: .*no such file/);
    expect(code).toBe(1);
  });
});

test("--version and --help answer", () => {
  expect(cli(["--version"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
  for (const args of [["--help"], ["plan", "--help"], ["help", "plan"]]) {
    expect(cli(args)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: quantize/), stderr: "" });
  }
});
