/**
 * What a run has read, and what it writes. Nothing that is read is ever written, by whatever option and under whatever
 * name: whoever opens an input notes it here, whoever makes an output takes its place here, however far apart they are and
 * whichever comes first. So the log belongs to the run, and is no parameter that somebody forgets to pass on.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { realpathSync, statSync, type BigIntStats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";

/** Files are known by their path without links and, where they exist, by device and inode: two keys for one file. */
interface FileLog {
  /** Inputs, as they were named. */
  readonly inputs: Map<string, string>;
  /** Outputs, as they were named. */
  readonly outputs: Map<string, string>;
  /** Those of them that are complete, and may be read like any other file. */
  readonly written: Set<string>;
}

const logs = new AsyncLocalStorage<FileLog>();

/** Runs something with a log of its own, or with that of the run it is part of. */
export function withFileLog<T>(run: () => T): T {
  if (logs.getStore() !== undefined) return run();
  return logs.run({ inputs: new Map(), outputs: new Map(), written: new Set() }, run);
}

const identityOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;

/** The path without links, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const whole = resolve(path);
    return dirname(whole) === whole ? whole : join(realPath(dirname(whole)), basename(whole));
  }
}

function keysOf(path: string, stat = statSync(path, { bigint: true, throwIfNoEntry: false })): string[] {
  return stat === undefined ? [realPath(path)] : [realPath(path), identityOf(stat)];
}

function find(files: ReadonlyMap<string, string>, keys: readonly string[]): string | undefined {
  return keys.map((key) => files.get(key)).find((path) => path !== undefined);
}

const sameFile = (output: string, input: string): QuantizeError =>
  new QuantizeError("output-exists", `${output}: the output is the input ${input}; give another path`);

/** Notes a file that is open for reading. @throws QuantizeError `output-exists` when the run is about to replace it */
export function noteInput(path: string, stat: BigIntStats): void {
  const log = logs.getStore();
  if (log === undefined) return;
  const keys = keysOf(path, stat);
  const output = find(log.outputs, keys);
  if (output !== undefined && !log.written.has(output)) throw sameFile(output, path);
  for (const key of keys) log.inputs.set(key, path);
}

/**
 * Takes a place for an output.
 * @throws QuantizeError `output-exists` when something that was read stands there, or another output of the run will
 */
export function takeOutput(path: string): void {
  const log = logs.getStore();
  if (log === undefined) return;
  const keys = keysOf(path);
  const input = find(log.inputs, keys);
  if (input !== undefined) throw sameFile(path, input);
  const other = find(log.outputs, keys);
  if (other !== undefined) {
    throw new QuantizeError("output-exists", `${path}: this run writes ${other} there; give another path`);
  }
  for (const key of keys) log.outputs.set(key, path);
}

/** Gives up a place that was taken, and where nothing was written. */
export function giveUpOutput(path: string): void {
  const outputs = logs.getStore()?.outputs;
  for (const [key, taken] of outputs ?? []) if (taken === path) outputs!.delete(key);
}

/** Tells that an output stands complete in its place. */
export function noteWritten(path: string): void {
  logs.getStore()?.written.add(path);
}
