/** Runs the built command line as its users do: a child process, its exit code and both streams. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, onTestFinished } from "vitest";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const FABLE = join(ROOT, "fixtures/fable/fable-f16.gguf");
export const FABLE_FOLDER = join(ROOT, "fixtures/fable/hf");

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Where the program was built, this checkout by default. */
  readonly root?: string;
}

/** `quantize ...args`, in a folder of its own when `cwd` is given. */
export function cli(args: readonly string[], options: CliOptions = {}): CliResult {
  const env = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, COLUMNS: undefined, ...options.env };
  const result = spawnSync(process.execPath, [join(options.root ?? ROOT, "dist/bin/quantize.js"), ...args], {
    encoding: "utf8",
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env,
    maxBuffer: 2 ** 26,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** The same while this process goes on: for tests that are the server which the program asks. */
export function cliBeside(args: readonly string[], { cwd, env, root = ROOT }: CliOptions = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [join(root, "dist/bin/quantize.js"), ...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, COLUMNS: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (piece: string) => (text[name] += piece));
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...text })));
}

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quantize-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder for all tests of a file; it goes away after the last one. */
export function temporaryFolderForFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "quantize-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
