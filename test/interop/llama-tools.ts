/**
 * llama.cpp's own programs as judges: llama-perplexity, llama-imatrix, and a small one of ours (llama-forward.cpp),
 * compiled with g++ from the sources of the release that node-llama-cpp ships, against its libraries. Built once, beside
 * the packages.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIBRARY_FOLDER } from "./libraries.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGE = join(here, "node_modules/node-llama-cpp/llama");
const FOLDER = join(here, "node_modules/.llama-tools");
const SOURCES = join(FOLDER, "llama.cpp");

/** Source files by program; absolute ones are ours. */
const PROGRAMS = {
  perplexity: ["tools/perplexity/perplexity.cpp", "tools/perplexity/main.cpp"],
  imatrix: ["tools/imatrix/imatrix.cpp"],
  forward: [join(here, "llama-forward.cpp")],
} as const;

export type LlamaProgram = keyof typeof PROGRAMS;

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${status ?? String(error)}: ${stderr.slice(-4000)}`);
}

function fetchSources(): void {
  if (existsSync(SOURCES)) return;
  mkdirSync(FOLDER, { recursive: true });
  run("git", ["clone", "--quiet", join(PACKAGE, "gitRelease.bundle"), SOURCES]);
}

/** The program's path, compiled when it is not there or older sources made it. */
function build(name: LlamaProgram): string {
  fetchSources();
  const path = join(FOLDER, `llama-${name}`);
  const sources = PROGRAMS[name].map((source) => (source.startsWith("/") ? source : join(SOURCES, source)));
  const text = sources.map((source) => readFileSync(source, "utf8")).join("");
  const stamp = `${path}.source`;
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === text) return path;
  const libraries = readdirSync(LIBRARY_FOLDER).filter((file) =>
    /^lib(llama-common|llama\.v.*|ggml\.v.*|ggml-base)\.so$/.test(file),
  );
  const includes = ["include", "ggml/include", "common", "vendor"].map((folder) => `-I${join(SOURCES, folder)}`);
  run("g++", [
    ...["-O1", "-std=c++17", ...includes, ...sources, "-o", path],
    ...libraries.map((file) => join(LIBRARY_FOLDER, file)),
    ...[`-Wl,-rpath,${LIBRARY_FOLDER}`, "-lpthread"],
  ]);
  writeFileSync(stamp, text);
  return path;
}

export interface LlamaRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs a program; it finds the back ends of the processor in the folder where it stands. @throws Error when it fails */
export function llamaTool(name: LlamaProgram, args: readonly (string | number)[]): LlamaRun {
  const path = build(name);
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

/** What llama-perplexity says in the end. */
export interface LlamaStatistics {
  readonly perplexity: number;
  /** With base logits. */
  readonly basePerplexity?: number;
  readonly divergence?: number;
  readonly sameTop?: number;
  /** Every line of the statistics, by its title. */
  readonly lines: ReadonlyMap<string, number>;
}

/** Keys, values and scores of attention in f32, as we compute them. */
export const EXACT_ATTENTION = ["-ctk", "f32", "-ctv", "f32", "-fa", "off"] as const;

/** Perplexity of a model on a text, or its divergence from base logits. Writes base logits when there is a text. */
export function llamaPerplexity(options: {
  readonly model: string;
  readonly text?: string;
  readonly context: number;
  readonly chunks?: number;
  readonly threads?: number;
  /** Written with a text, read without. */
  readonly logits?: string;
}): LlamaStatistics {
  const { model, text, context, chunks, threads = 2, logits } = options;
  const { stdout, stderr } = llamaTool("perplexity", [
    ...["-m", model, "-c", context, "-t", threads, ...EXACT_ATTENTION],
    ...(text === undefined ? ["--kl-divergence"] : ["-f", text]),
    ...(chunks === undefined ? [] : ["--chunks", chunks]),
    ...(logits === undefined ? [] : ["--kl-divergence-base", logits]),
  ]);
  const output = stdout + stderr;
  const lines = new Map(
    [...output.matchAll(/^\s*([^\n:[\]]*?\S)\s*:\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*(?:%|±|$)/gm)].map(
      ([, title, value]) => [title!.replace(/\s+/g, " "), Number(value)] as const,
    ),
  );
  const final = /Final estimate: PPL = ([\d.]+)/.exec(output);
  if (text !== undefined) return { perplexity: Number(final![1]), lines };
  return {
    perplexity: lines.get("Mean PPL(Q)")!,
    basePerplexity: lines.get("Mean PPL(base)")!,
    divergence: lines.get("Mean KLD")!,
    sameTop: lines.get("Same top p")! / 100,
    lines,
  };
}
