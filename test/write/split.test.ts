import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import type { Model } from "#dist/src/read/model.js";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "split-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (model: Model) =>
  model.tensors.map(({ name, codec, layout, codebooks, extents }) => {
    const parts = extents.map(({ file, byteOffset, byteLength }) =>
      readFileSync(model.files[file]!.path).subarray(byteOffset, byteOffset + byteLength),
    );
    return { name, codec, layout, codebooks, bytes: Buffer.concat(parts).toString("base64") };
  });

test.each(["q8_0", "q4_cb"])("a set of %s files holds what one file would", async (scheme) => {
  const options = { input: FABLE, scheme, layout: "4x8", threads: 2, verify: "off" as const };
  const whole = join(folder, "whole.gguf");
  await quantize({ ...options, output: whole });
  const report = await quantize({ ...options, output: join(folder, "set.gguf"), splitMaxBytes: 200_000 });
  expect(report.outputs!.length).toBeGreaterThan(2);
  expect(report.output).toMatch(/set-00001-of-\d{5}\.gguf$/);
  expect(readdirSync(folder).sort()).toEqual([
    ...report.outputs!.map((path) => path.slice(folder.length + 1)),
    "whole.gguf",
  ]);
  const [expected, found] = [await openModel(whole), await openModel(report.outputs![1]!)];
  expect(bytesOf(found)).toEqual(bytesOf(expected));
  expect(found.metadata.get("general.name")).toEqual(expected.metadata.get("general.name"));
});

test("the split of the input can be kept, file by file", async () => {
  const first = await quantize({
    input: FABLE,
    scheme: "f32",
    output: join(folder, "a.gguf"),
    splitMaxBytes: 900_000,
    verify: "off",
  });
  const kept = await quantize({ input: first.output, scheme: "q8_0", output: join(folder, "b.gguf"), keepSplit: true });
  expect(kept.outputs).toHaveLength(first.outputs!.length);
  const [input, output] = [await openModel(first.output), await openModel(kept.output)];
  const places = (model: Model) => model.tensors.map(({ name, extents }) => [name, extents[0]!.file]);
  expect(places(output)).toEqual(places(input));
});

test("nothing is written when one of the files exists", async () => {
  const options = { input: FABLE, scheme: "q8_0", output: join(folder, "c.gguf"), splitMaxBytes: 200_000 };
  const { outputs } = await quantize(options);
  for (const path of outputs!.slice(0, -1)) rmSync(path);
  writeFileSync(outputs!.at(-1)!, "mine");
  await expect(quantize(options)).rejects.toThrow(QuantizeError);
  expect(existsSync(outputs![0]!)).toBe(false);
  expect(readFileSync(outputs!.at(-1)!, "utf8")).toBe("mine");
  expect(readdirSync(folder)).toHaveLength(1);
});
