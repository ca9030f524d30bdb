import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { FABLE, ROOT, temporaryFolderForFile } from "./support/cli.ts";
import { compileProject, linkPackage, makeProject, runProgram } from "./support/user-project.ts";

const SOURCES = join(ROOT, "docs/library");
const folder = temporaryFolderForFile();

beforeAll(() => {
  makeProject(folder, SOURCES);
  linkPackage(folder);
});

test("a user's program compiles against the built types and runs: its own assertions hold", () => {
  expect(compileProject(folder, "node16")).toBe("");
  const { status, stdout, stderr } = runProgram(folder, "out/example.js", [FABLE, folder]);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("all examples ran");
});

test("bundlers find the same types", () => expect(compileProject(folder, "bundler")).toBe(""));

test("the types are checked: a wrong argument is an error", () => {
  const project = join(folder, "wrong");
  makeProject(project, join(ROOT, "test/support/wrong-program"));
  linkPackage(project);
  expect(compileProject(project, "node16")).toContain("error TS2322");
});

test("docs/library.md shows the parts of that program, all of them", () => {
  const page = readFileSync(join(ROOT, "docs/library.md"), "utf8");
  const shown = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!.trim());
  const program = readFileSync(join(SOURCES, "example.ts"), "utf8");
  const regions = [...program.matchAll(/^\/\/ #region \w+\n(.*?)^\/\/ #endregion/gms)].map(([, code]) => code!.trim());
  expect(shown).toEqual([...regions, readFileSync(join(SOURCES, "row-norms.ts"), "utf8").trim()]);
});
