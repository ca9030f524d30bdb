/**
 * llama.cpp's own programs as judges and peers: llama-perplexity, llama-imatrix, and a small one of ours
 * (llama-forward.cpp), compiled with g++ from the sources of the release that node-llama-cpp ships, against its libraries.
 * Built once, beside the packages. Plain JavaScript, so that benchmarks can use it without a build.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIBRARY_FOLDER } from "./libraries.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGE = join(here, "node_modules/node-llama-cpp/llama");
const FOLDER = join(here, "node_modules/.llama-programs");
const SOURCES = join(FOLDER, "llama.cpp");

/** Source files by program; absolute ones are ours. */
const PROGRAMS = {
  perplexity: ["tools/perplexity/perplexity.cpp", "tools/perplexity/main.cpp"],
  imatrix: ["tools/imatrix/imatrix.cpp"],
  forward: [join(here, "llama-forward.cpp")],
};

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? String(error)}: ${stderr.slice(-4000)}`);
}

function fetchSources() {
  if (existsSync(SOURCES)) return;
  mkdirSync(FOLDER, { recursive: true });
  run("git", ["clone", "--quiet", join(PACKAGE, "gitRelease.bundle"), SOURCES]);
}

/** The program's path, compiled when it is not there or other sources made it. */
export function llamaProgram(name) {
  fetchSources();
  const path = join(FOLDER, `llama-${name}`);
  const sources = PROGRAMS[name].map((source) => (source.startsWith("/") ? source : join(SOURCES, source)));
  const text = sources.map((source) => readFileSync(source, "utf8")).join("");
  const stamp = `${path}.source`;
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === text) return path;
  const wanted = /^lib(llama-common|llama\.v.*|ggml\.v.*|ggml-base)\.so$/;
  const libraries = readdirSync(LIBRARY_FOLDER).filter((file) => wanted.test(file));
  const includes = ["include", "ggml/include", "common", "vendor"].map((folder) => `-I${join(SOURCES, folder)}`);
  run("g++", [
    ...["-O1", "-std=c++17", ...includes, ...sources, "-o", path],
    ...libraries.map((file) => join(LIBRARY_FOLDER, file)),
    ...[`-Wl,-rpath,${LIBRARY_FOLDER}`, "-lpthread"],
  ]);
  writeFileSync(stamp, text);
  return path;
}

/** Runs a program; it finds the back ends of the processor in the folder where it stands. @throws Error when it fails */
export function llamaTool(name, args) {
  const path = llamaProgram(name);
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(path, args.map(String), {
    cwd: LIBRARY_FOLDER,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`llama-${name} ${args.join(" ")} ended with ${status}: ${stderr.slice(-4000)}`);
  return { stdout, stderr, seconds };
}
