/** The page on evaluation names the architectures that the forward pass knows. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { knownArchitectures } from "#dist/src/forward/architectures.js";

test("docs/evaluation.md lists every architecture that is evaluated, and README their number", () => {
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const [, list] = /by the name that\na GGUF file gives[^:]*:\n\n([^.]*)\./.exec(read("docs/evaluation.md"))!;
  const listed = [...list!.matchAll(/`([\w-]+)`/g)].map(([, name]) => name!);
  expect(listed).toEqual([...knownArchitectures()].sort());
  expect(read("README.md")).toContain(`text: ${listed.length} architectures`);
});
