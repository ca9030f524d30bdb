/** Hugging Face folders for tests: the fixture's with files changed, and tiny ones of counting weights. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./gguf-file.ts";
import { countingTensors } from "./safetensors-file.ts";

export const FIXTURE_FOLDER = fileURLToPath(new URL("../../fixtures/fable/hf", import.meta.url));

/** A copy of the fixture's folder with files changed or (undefined) gone. */
export function folderVariant(files: Record<string, string | Uint8Array | undefined>): string {
  const folder = temporaryFolder();
  const isOwn = (path: string) => Object.hasOwn(files, path.slice(FIXTURE_FOLDER.length + 1));
  cpSync(FIXTURE_FOLDER, folder, { recursive: true, filter: (path) => !isOwn(path) });
  for (const [name, content] of Object.entries(files)) {
    if (content === undefined) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A JSON file of the fixture's folder. */
export function fixtureJson(name: string): Record<string, never> {
  return JSON.parse(readFileSync(join(FIXTURE_FOLDER, name), "utf8")) as Record<string, never>;
}

/** The fixture's config with keys changed, for `folderVariant`. */
export function changedConfig(change: object): Record<string, string> {
  return { "config.json": JSON.stringify({ ...fixtureJson("config.json"), ...change }) };
}

/** The fixture's tokenizer with keys changed, for `folderVariant`. */
export function changedTokenizer(change: object): Record<string, string> {
  return { "tokenizer.json": JSON.stringify({ ...fixtureJson("tokenizer.json"), ...change }) };
}

/** A folder of F32 weights that count up over all tensors. */
export function countingFolder(config: object, shapes: Readonly<Record<string, readonly number[]>>): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), countingTensors(shapes));
  return folder;
}
