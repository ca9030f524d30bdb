/**
 * Sends written bytes on their way to the disk while the work goes on, so that the fsync at the end finds little left.
 * Never more than one flush at a time; failures are left for the final fsync to report.
 */
import { closeSync, fdatasync, openSync } from "node:fs";

/** Bytes between flushes: some tenths of a second of an ordinary disk. */
const FLUSH_BYTES = 64 * 2 ** 20;

export interface BackgroundSync {
  /** Tells how many bytes have been written so far. */
  wrote(total: number): void;
  /** Waits for the flush under way and closes the files. */
  stop(): Promise<void>;
}

/** @param paths of the files that are being written, none for runs that write nothing */
export function startSyncing(paths: readonly string[]): BackgroundSync {
  const fds = paths.map((path) => openSync(path, "r+"));
  let flushed = 0;
  let running: Promise<void> | undefined;
  const flushFile = (fd: number): Promise<void> => new Promise((resolve) => fdatasync(fd, () => resolve()));
  const flush = async (): Promise<void> => {
    for (const fd of fds) await flushFile(fd);
    running = undefined;
  };
  return {
    wrote(total) {
      if (running !== undefined || total - flushed < FLUSH_BYTES) return;
      flushed = total;
      running = flush();
    },
    async stop() {
      await running;
      for (const fd of fds) closeSync(fd);
    },
  };
}
