import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, FABLE, FABLE_FOLDER, temporaryFolder } from "../support/cli.ts";
import { writeLegacyImatrix } from "../support/models.ts";

/** Every file of a folder and below, with its bytes. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "base64")]));
}

/** A model as a file and as a folder, an importance matrix, a recipe, a set of three; links to them. */
function makeFiles(folder: string): void {
  copyFileSync(FABLE, join(folder, "in.gguf"));
  cpSync(FABLE_FOLDER, join(folder, "hf"), { recursive: true });
  writeLegacyImatrix(join(folder, "imatrix.dat"), [
    { name: "blk.0.ffn_up.weight", sums: new Float32Array(256).fill(1), calls: 1 },
  ]);
  writeFileSync(join(folder, "recipe.yaml"), "scheme: q4_0\n");
  linkSync(join(folder, "in.gguf"), join(folder, "hard.gguf"));
  symlinkSync("in.gguf", join(folder, "soft.gguf"));
  symlinkSync("hf", join(folder, "other"));
  mkdirSync(join(folder, "out"));
}

test.each<[string, readonly string[]]>([
  ["the report over a file of the folder", ["hf", "-s", "q4_0", "--report", "hf/model.safetensors"]],
  ["the manifest over the config", ["hf", "-s", "q4_0", "--manifest", "hf/config.json"]],
  ["the output over the config", ["hf", "-s", "q4_0", "-o", "hf/config.json"]],
  ["the output over the tokenizer, by way of a link", ["hf", "-s", "q4_0", "-o", "other/tokenizer.json"]],
  ["the output over the importance matrix", ["in.gguf", "-s", "q4_0", "--imatrix", "imatrix.dat", "-o", "imatrix.dat"]],
  ["the report over the recipe", ["in.gguf", "-r", "recipe.yaml", "--report", "recipe.yaml"]],
  ["the output over a hard link to the input", ["in.gguf", "-s", "q4_0", "-o", "hard.gguf"]],
  ["the output over a symbolic link to the input", ["in.gguf", "-s", "q4_0", "-o", "soft.gguf"]],
  ["a drawing over the model", ["inspect", "in.gguf", "--tensor", "output.weight", "--svg", "in.gguf"]],
  ["unpack over its input", ["unpack", "in.gguf", "-o", "./hf/../in.gguf"]],
  ["the manifest over the output", ["in.gguf", "-s", "q4_0", "-o", "out/a.gguf", "--manifest", "out/a.gguf"]],
  ["the report over the manifest", ["in.gguf", "-s", "q4_0", "--manifest", "out/a", "--report", "./out/../out/a"]],
  [
    "the manifest over a file of the output's set",
    ["in.gguf", "-s", "q4_0", "--split-max-size", "300K", "-o", "out/a", "--manifest", "out/a-00002-of-00003.gguf"],
  ],
])("with --force, too, nothing is written %s", (_, args) => {
  const folder = temporaryFolder();
  makeFiles(folder);
  const before = contents(folder);
  const { code, stderr } = cli([...args, "--force"], { cwd: folder });
  expect(stderr).toMatch(/^quantize: .*(the output is the input|this run writes).*\n$/);
  expect(code).toBe(1);
  expect(contents(folder)).toEqual(before);
});

test.each([
  ["the report", ["--report", "none/report.html"]],
  ["the manifest", ["--manifest", "none/manifest.json"]],
])("the folder of %s is looked at before the work", (_, args) => {
  const folder = temporaryFolder();
  const { code, stderr } = cli([FABLE, "-s", "q4_0", ...args], { cwd: folder });
  expect(stderr).toMatch(/no such folder: .*none\n$/);
  expect(code).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test.runIf(process.platform !== "win32").each([
  ["a pipe as the model", (pipe: string) => [pipe, "-s", "q4_0"]],
  ["a pipe as the recipe", (pipe: string) => [FABLE, "-r", pipe]],
  ["a pipe as the importance matrix", (pipe: string) => [FABLE, "-s", "q4_0", "--imatrix", pipe]],
  ["a pipe to inspect", (pipe: string) => ["inspect", pipe]],
])("%s is refused at once", (_, argsOf) => {
  const folder = temporaryFolder();
  const pipe = join(folder, "pipe.gguf");
  execFileSync("mkfifo", [pipe]);
  const { code, stderr } = cli(argsOf(pipe), { cwd: folder });
  expect(stderr).toMatch(/expected a file, found a pipe\n$/);
  expect(code).toBe(1);
});

test("keys that say how a file is stored are not set by hand", () => {
  const folder = temporaryFolder();
  for (const key of ["split.count=int:3", "quantize.manifest=str:{}", "quantize.set=str:a"]) {
    const { code, stderr } = cli([FABLE, "-s", "q4_0", "--override-kv", key], { cwd: folder });
    expect(stderr).toContain("this key says how the file is stored");
    expect(code).toBe(2);
  }
  expect(readdirSync(folder)).toEqual([]);
});
