/** Progress of the short steps before and after the work, of which nothing can be counted. */
import type { Phase, RunOptions } from "./conversion.types.ts";

/** Tells that a step begins. */
export function announce({ onProgress, signal }: RunOptions, phase: Phase): void {
  signal?.throwIfAborted();
  const nothing = { weightsDone: 0, weightsTotal: 0, bytesDone: 0, bytesTotal: 0, tensorsDone: 0, tensorsTotal: 0 };
  onProgress?.({ phase, ...nothing });
}
