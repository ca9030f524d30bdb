import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DESCRIPTION_NAMES } from "#dist/src/hub/choose-files.js";
import { isSafePath } from "#dist/src/hub/safe-path.js";
import { MissingBytes, addPresentRange, forgetPartialFile, requirePresent } from "#dist/src/read/partial-files.js";
import { ROOT } from "../support/cli.js";

test("every file that the reader of folders looks for is fetched", () => {
  const folder = join(ROOT, "src/read/hugging-face");
  const texts = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/"([\w.]+\.(?:json|jinja|txt|model|md))"/g)].map((match) => match[1]!),
  );
  const known = new Set([...DESCRIPTION_NAMES, "model.safetensors.index.json"]);
  expect(names.length).toBeGreaterThan(15);
  expect([...new Set(names)].filter((name) => !known.has(name) && !name.startsWith("tokenizer.ggml."))).toEqual([]);
});

test.each(["..", "a/../b", "/a", "a//b", "a/", "C:\\x", "C:x", "a\\b", "a\u001b[0m", "a\u202eb", "", "x".repeat(300)])(
  "%j is no name of a file",
  (name) => expect(isSafePath(name)).toBe(false),
);

test("what was not fetched is named from its first byte to its last", () => {
  const missing = (start: number, length: number) => {
    try {
      requirePresent("/nowhere/part.gguf", start, length);
      return undefined;
    } catch (error) {
      if (!(error instanceof MissingBytes)) throw error;
      return [error.byteOffset, error.byteLength];
    }
  };
  expect(missing(0, 10)).toBeUndefined();
  addPresentRange("/nowhere/part.gguf", 100, 200);
  addPresentRange("/nowhere/part.gguf", 300, 400);
  expect(missing(100, 100)).toBeUndefined();
  expect(missing(150, 100)).toEqual([200, 50]);
  expect(missing(50, 100)).toEqual([50, 50]);
  expect(missing(150, 200)).toEqual([200, 100]);
  expect(missing(0, 500)).toEqual([0, 500]);
  addPresentRange("/nowhere/part.gguf", 200, 300);
  expect(missing(100, 300)).toBeUndefined();
  forgetPartialFile("/nowhere/part.gguf");
  expect(missing(0, 500)).toBeUndefined();
});
