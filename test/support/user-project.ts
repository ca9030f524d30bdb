/** A folder as a user of the library has it: a package of their own that depends on this one. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./cli.ts";

/** Compilers of users are as strict as they come. */
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
  target: "es2023",
  lib: ["es2023"],
  types: ["node"],
  typeRoots: [join(ROOT, "node_modules/@types")],
};

/** How programs find modules: Node's own way, and that of bundlers. */
const RESOLUTIONS = {
  node16: { module: "node16", moduleResolution: "node16" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
} as const;

/** Makes `folder` a package with these source files. */
export function makeProject(folder: string, sources: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  cpSync(sources, join(folder, "src"), { recursive: true });
}

/** Puts this checkout where `npm install` would put the package. */
export function linkPackage(folder: string): void {
  const target = join(folder, "node_modules/gguf-quantize");
  mkdirSync(target, { recursive: true });
  cpSync(join(ROOT, "package.json"), join(target, "package.json"));
  symlinkSync(join(ROOT, "dist"), join(target, "dist"), "junction");
}

/** Compiles the project from `src` to `out`. @returns what the compiler says: nothing, when all is well */
export function compileProject(folder: string, resolution: keyof typeof RESOLUTIONS): string {
  const compilerOptions = { ...STRICT, ...RESOLUTIONS[resolution], rootDir: "src", outDir: "out" };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8", cwd: folder });
  return stdout + stderr;
}

/** Runs a file of the project. */
export function runProgram(folder: string, file: string, args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(folder, file), ...args], { encoding: "utf8", cwd: folder });
}
