import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * The rooms of the house, top to bottom: each may import from itself and from those below it. A file belongs to the
 * room with the longest name that its path begins with.
 */
const ROOMS = [
  "bin",
  "src", // index.ts: the library's door
  "src/report",
  "src/inspect",
  "src/jobs",
  "src/hub",
  "src/calibrate",
  "src/evaluate",
  "src/engine",
  "src/engine/worker",
  "src/rounding",
  "src/forward",
  "src/write",
  "src/plan",
  "src/plan/recipes",
  "src/verify",
  "src/kernels",
  "src/fit",
  "src/imatrix",
  "src/open",
  "src/container",
  "src/tokenizer",
  "src/read/hugging-face",
  "src/read/safetensors",
  "src/read/gguf",
  "src/read",
  "src/text",
  "src/wasm",
  "layouts",
  "codecs",
];

/** Files of `src` that every room may use. */
const COMMON = ["src/errors.ts", "src/allocator.ts", "src/version.ts"];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path).replaceAll("\\", "/"));
}

/** Files that a file of ours imports, as paths from the root; of specifiers without an ending, the `.ts` file. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  const specifiers = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.{1,2}\/[^"']+)["']/g);
  return [...specifiers].map(([, target]) => {
    const found = relative(ROOT, resolve(ROOT, dirname(path), target!)).replaceAll("\\", "/");
    return found.endsWith(".ts") ? found : `${found}.ts`;
  });
}

const FILES = ["bin", "src", "layouts", "codecs"].flatMap(sources);

/** Position in `ROOMS`, or its length for what stands below all of them. */
function rankOf(path: string): number {
  if (COMMON.includes(path)) return ROOMS.length;
  const rooms = ROOMS.filter((room) => path.startsWith(`${room}/`));
  return ROOMS.indexOf(rooms.reduce((longest, room) => (room.length > longest.length ? room : longest), ""));
}

test("every file has its room", () => {
  expect(FILES.filter((path) => rankOf(path) < 0)).toEqual([]);
  const loose = FILES.filter((path) => /^src\/[^/]+$/.test(path) && path !== "src/index.ts" && !COMMON.includes(path));
  expect(loose.filter((path) => !path.endsWith(".d.ts"))).toEqual([]);
});

test("rooms import downwards only", () => {
  const wrong = FILES.flatMap((path) =>
    importsOf(path)
      .filter((target) => rankOf(target) < rankOf(path))
      .map((target) => `${path} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test("no file imports itself by way of others", () => {
  const imports = new Map(FILES.map((path) => [path, importsOf(path)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (trail.includes(path) || done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of FILES) visit(path, []);
  expect(cycles).toEqual([]);
});

test("the library loads without schemas and YAML, which few need", () => {
  const seen = new Set<string>();
  const visit = (path: string): string[] => {
    if (seen.has(path)) return [];
    seen.add(path);
    const text = readFileSync(join(ROOT, path), "utf8");
    const loaded = [...text.matchAll(/^(?:im|ex)port (?!type\b)[^;]*?from "([^"]+)"/gm)].map((match) => match[1]!);
    const ours = loaded.filter((target) => target.startsWith("."));
    return [
      ...loaded.filter((target) => ["zod", "yaml"].includes(target)).map((target) => `${path} loads ${target}`),
      ...ours.flatMap((target) => visit(relative(ROOT, resolve(ROOT, dirname(path), target)).replaceAll("\\", "/"))),
    ];
  };
  expect(visit("src/index.ts")).toEqual([]);
  expect(seen.size).toBeGreaterThan(100);
});

/** Files outside of `src/write` that open files: what is opened, and why not as an input. */
const OPENERS: Readonly<Record<string, string>> = {
  "src/read/input-file.ts": "inputs: the only way in",
  "src/wasm/wasm-module.ts": "our own module",
  "src/text/version.ts": "our own package",
  "src/engine/worker/worker.ts": "outputs in the making",
  "src/rounding/open-bench.ts": "outputs in the making",
  "src/rounding/journal.ts": "states of a calibration under way",
  "src/rounding/journal-files.ts": "the journal of a calibration",
  "src/calibrate/calibration-journal.ts": "the journal of a calibration",
  "src/forward/streams.ts": "temporary files, for what does not fit into memory",
  "src/forward/programs/score.ts": "logits in the making",
  "src/evaluate/place-streams.ts": "temporary files, for what does not fit into memory",
  "src/hub/fetch-file.ts": "files on their way into the cache",
  "src/hub/hub-cache.ts": "the cache of Hugging Face's programs",
  "src/hub/remote-headers.ts": "stand-ins for files of a hub, with the bytes that were looked at",
  "bin/cli-reference.ts": "our own documentation",
};

test("one file opens inputs, one room writes outputs", () => {
  const opens =
    /\b(?:open|readFile|writeFile|appendFile|createReadStream|createWriteStream|rename|link|truncate|copyFile)(?:Sync)?\b/;
  const openers = FILES.filter((path) => !path.startsWith("src/write/")).filter((path) => {
    const imports = readFileSync(join(ROOT, path), "utf8").matchAll(/import ([^;]*?) from "node:fs(?:\/promises)?"/g);
    return [...imports].some(([, names]) => opens.test(names!) || names!.includes("*") || !names!.includes("{"));
  });
  expect(openers.filter((path) => OPENERS[path] === undefined)).toEqual([]);
});

test("docs/architecture.md lists the folders three levels deep, in the order of the rooms", () => {
  const [, list] = readFileSync(join(ROOT, "docs/architecture.md"), "utf8").split(/^## The (?:folders|import rule)$/m);
  const listed = [...list!.matchAll(/^\| `([\w/-]+)`/gm)].map(([, folder]) => folder!);
  // What lies in `simd` belongs to the folder around it; of Hugging Face's folders the page on formats tells more.
  const folders = new Set(
    FILES.map((path) =>
      dirname(path)
        .replaceAll("\\", "/")
        .replace(/\/simd$/, "")
        .replace(/(hugging-face)\/.*/, "$1"),
    ),
  );
  expect([...listed].sort()).toEqual([...folders].sort());
  const ranks = listed.map((folder) => rankOf(`${folder}/x`));
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
});

test("codecs import nothing but codecs", () => {
  const wrong = sources("codecs").flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").matchAll(/\bfrom\s*["']([^."'][^"']*)["']/g)].map(
      (m) => `${path}: ${m[1]}`,
    ),
  );
  expect(wrong).toEqual([]);
});
