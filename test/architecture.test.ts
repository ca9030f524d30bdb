import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Each folder may import from itself and from what stands to its right. */
const ORDER = ["bin", "src", "layouts", "codecs"];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  const specifiers = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)["'](\.{1,2}\/[^"']+)["']/g);
  return [...specifiers].map(([, target]) => relative(ROOT, resolve(ROOT, dirname(path), target!)));
}

test("dependencies point one way: bin -> src -> layouts -> codecs", () => {
  const wrong: string[] = [];
  for (const [rank, folder] of ORDER.entries()) {
    for (const path of sources(folder)) {
      for (const target of importsOf(path)) {
        const targetRank = ORDER.indexOf(target.split("/")[0]!);
        if (targetRank >= 0 && targetRank < rank) wrong.push(`${path} imports ${target}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("codecs import nothing but codecs", () => {
  const wrong = sources("codecs").flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").matchAll(/\bfrom\s*["']([^."'][^"']*)["']/g)].map(
      (m) => `${path}: ${m[1]}`,
    ),
  );
  expect(wrong).toEqual([]);
});
