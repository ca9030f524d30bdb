/** Runs the command line with faults of the system: see faults.c, which is built for it. Linux with a C compiler only. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../support/cli.ts";

export const CALLS = ["write", "sync", "rename", "link", "unlink", "truncate"] as const;
export type Call = (typeof CALLS)[number];

/** What happens, and to which call of those that count. */
export interface Fault {
  readonly calls: readonly Call[];
  readonly at: number;
  /** A name of the system's, or `killed`. */
  readonly error: "EIO" | "ENOSPC" | "EDQUOT" | "EACCES" | "killed";
  /** All later calls fail as well: a disk that is full stays full. */
  readonly stays?: boolean;
}

export interface FaultyRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly stdout: string;
}

let library: string | undefined;

/** Builds the library, once. */
export function buildFaults(): void {
  library ??= join(mkdtempSync(join(tmpdir(), "quantize-faults-")), "faults.so");
  const source = fileURLToPath(new URL("faults.c", import.meta.url));
  const { status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  if (status !== 0) throw new Error(`faults.c: ${String(stderr)}`);
}

/** True where faults can be made. */
export const hasFaults = process.platform === "linux" && spawnSync("cc", ["--version"]).status === 0;

/** `quantize ...args`; calls count whose path lies in `folder`, as absolute paths. */
export function runWithFault(folder: string, args: readonly string[], { calls, at, error, stays }: Fault): FaultyRun {
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    FAULT_PATH: `${folder}/`,
    FAULT_CALLS: calls.join(","),
    FAULT_AT: String(at),
    FAULT_ERRNO: error === "killed" ? "0" : String(constants.errno[error]),
    ...(stays && { FAULT_STAYS: "1" }),
  };
  const result = spawnSync(process.execPath, [join(ROOT, "dist/bin/quantize.js"), ...args], { encoding: "utf8", env });
  return { code: result.status, signal: result.signal, stderr: result.stderr, stdout: result.stdout };
}

/** How many calls of each kind a run makes that succeeds. */
export function countCalls(folder: string, args: readonly string[]): Map<Call, number> {
  const log = join(mkdtempSync(join(tmpdir(), "quantize-calls-")), "log");
  const env = {
    ...process.env,
    ...{ LD_PRELOAD: library, FAULT_PATH: `${folder}/`, FAULT_CALLS: CALLS.join(","), FAULT_AT: "0", FAULT_LOG: log },
  };
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "dist/bin/quantize.js"), ...args], {
    encoding: "utf8",
    env,
  });
  if (status !== 0) throw new Error(stderr);
  const counts = new Map<Call, number>();
  for (const line of readFileSync(log, "utf8").trimEnd().split("\n")) {
    const call = line.split(" ")[0] as Call;
    counts.set(call, (counts.get(call) ?? 0) + 1);
  }
  return counts;
}
