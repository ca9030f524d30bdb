/**
 * How fast text becomes token ids: MB of UTF-8 per second, median of the runs, a new tokenizer for each, and time to make
 * one. Beside it llama.cpp's in the same run, where `npm run interop:install` has been done.
 *
 *   node test/bench/tokenizer.mjs vocabulary.gguf ... [--runs 5]
 *
 * Texts: `prose` is this project's documentation and sources; `new words` are letters drawn by lot, so that hardly a word
 * comes again; `scripts` goes through the letters of Unicode.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openModel } from "../../dist/src/open/open-model.js";
import { makeTokenizer } from "../../dist/src/tokenizer/make-tokenizer.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { values: options, positionals: paths } = parseArgs({
  options: { runs: { type: "string", default: "5" } },
  allowPositionals: true,
});

const TEXTS = { prose: prose(), "new words": newWords(1e6), scripts: scripts(5e5) };
const OPTIONS = { addSpecial: false, parseSpecial: false };

function prose() {
  const files = ["docs", "src", "codecs", "layouts", "test"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(md|ts)$/.test(path) && !path.includes("node_modules"))
      .map((path) => join(ROOT, folder, path)),
  );
  return files
    .sort()
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function newWords(length) {
  const next = numbers(1);
  const letters = "eeeeeeetttttaaaaaooooiiiinnnsssrrrhhhlldducmfywgpbvkxqjz";
  return Array.from({ length }, () => (next(6) === 0 ? " " : letters[next(letters.length)])).join("");
}

function scripts(length) {
  const next = numbers(2);
  const letter = /\p{L}|\p{M}|\p{N}/u;
  let block = 0x400;
  return Array.from({ length }, () => {
    if (next(40) === 0) block = 0x400 + 64 * next(0x9c0 >> 2);
    const character = String.fromCodePoint(block + next(64));
    return letter.test(character) ? character : " ";
  }).join("");
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

function seconds(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

async function openPeer(path) {
  try {
    const { loadVocabulary } = await import("../interop/libraries.mjs");
    return loadVocabulary(path);
  } catch {
    return undefined;
  }
}

for (const path of paths) {
  const { metadata } = await openModel(path);
  const peer = await openPeer(path);
  const loads = [];
  const make = () => {
    let tokenizer;
    loads.push(seconds(() => (tokenizer = makeTokenizer(metadata, path))));
    return tokenizer;
  };
  const lines = Object.entries(TEXTS).map(([name, text]) => {
    const megabytes = Buffer.byteLength(text) / 1e6;
    const runs = Array.from({ length: Number(options.runs) }, () => {
      const tokenizer = make();
      const ours = seconds(() => tokenizer.encode(text, OPTIONS));
      return { ours, theirs: peer === undefined ? NaN : seconds(() => peer.encode(text, false, false)) };
    });
    const speed = megabytes / median(runs.map(({ ours }) => ours));
    const ratio = median(runs.map(({ ours, theirs }) => theirs / ours));
    const beside = Number.isNaN(ratio) ? "" : `, ${ratio.toFixed(1)}x llama.cpp`;
    return `  ${name.padEnd(10)} ${megabytes.toFixed(1)} MB: ${speed.toFixed(1)} MB/s${beside}`;
  });
  console.log(`${basename(path)}, ${metadata.get("tokenizer.ggml.tokens").values.length} tokens`);
  console.log(`  made in ${(1000 * median(loads)).toFixed(0)} ms\n${lines.join("\n")}`);
}
