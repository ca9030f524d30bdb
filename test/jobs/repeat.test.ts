import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { applyRecipe } from "#dist/src/plan/apply-recipe.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { formatRecipe, parseRecipe, readRecipe } from "#dist/src/jobs/recipe-files.js";
import { findScheme } from "#dist/src/plan/recipes/schemes.js";
import { readManifest } from "#dist/src/open/read-manifest.js";
import { writeLegacyImatrix } from "../support/models.ts";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "repeat-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a manifest is enough to make the same file again", async () => {
  const imatrix = join(folder, "m.dat");
  const sums = Float32Array.from({ length: 256 }, (_, i) => 1 + (i % 7));
  writeLegacyImatrix(imatrix, [{ name: "blk.0.attn_q.weight", sums, calls: 3 }]);
  const recipe = join(folder, "recipe.yaml");
  writeFileSync(
    recipe,
    `scheme: q4_k_m\nlayout: 8x8\nimatrix: { file: ${imatrix} }\noverrideKv: ["general.name=str:again"]\n` +
      `rules:\n  - attn_q=q4_cb@4x8\n  - { role: ffn_up, layers: 1, type: q8_0, layout: rows }\n`,
  );
  const make = async (from: string, output: string): Promise<Buffer> => {
    const { options, ...run } = applyRecipe(await readRecipe(from), from);
    await quantize({ input: FABLE, output, threads: 2, ...options, ...run });
    return readFileSync(output);
  };
  const first = await make(recipe, join(folder, "a.gguf"));
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, JSON.stringify(await readManifest(join(folder, "a.gguf"))));
  const second = await make(manifest, join(folder, "b.gguf"));
  expect(second.equals(first)).toBe(true);
});

test("a recipe survives being printed and parsed", async () => {
  const recipe = { scheme: findScheme("q4_k_m"), layout: "8x8", pure: true };
  expect(await parseRecipe(await formatRecipe(recipe), "r")).toEqual(recipe);
});
