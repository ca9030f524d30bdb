/**
 * Sends written bytes on their way to the disk while the work goes on, so that the fsync at the end finds little left.
 * Never more than one flush at a time. A system tells of a write that failed once, to the first who asks: so an error of a
 * flush is the run's, whatever a later fsync says.
 */
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import { ioError } from "../read/input-file.ts";
import type { NamedFile } from "./give-names.ts";

/** Bytes between flushes: some tenths of a second of an ordinary disk. */
const FLUSH_BYTES = 64 * 2 ** 20;

export interface BackgroundFlush {
  /** Tells how many bytes have been written so far. @throws QuantizeError `io` when a flush has failed */
  wrote(total: number): void;
  /** Waits for the flush under way and starts no more. Throws nothing. */
  stop(): Promise<void>;
  /** @throws QuantizeError `io` when any flush has failed */
  throwIfFailed(): void;
}

/** @param files that are being written */
export function startFlushing(files: readonly NamedFile[]): BackgroundFlush {
  let flushed = 0;
  let isStopped = false;
  let running: Promise<void> | undefined;
  let failure: Error | undefined;
  const flush = async (): Promise<void> => {
    for (const { path, temporaryPath } of files) {
      try {
        // Opened for the flush only: a set may have more files than a process may have open.
        const fd = openSync(temporaryPath, "r+");
        await promisify(fdatasync)(fd).finally(() => closeSync(fd));
      } catch (cause) {
        failure ??= ioError(path, "cannot be written", cause);
      }
      if (isStopped || failure !== undefined) break;
    }
    running = undefined;
  };
  const throwIfFailed = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    throwIfFailed,
    wrote(total) {
      throwIfFailed();
      if (isStopped || running !== undefined || total - flushed < FLUSH_BYTES) return;
      flushed = total;
      running = flush();
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
