/** What the process takes beside buffers: measured, rounded up (docs/benchmarks.md). */

const MIB = 2 ** 20;

/** Node with this program loaded, the compiled module, and room for the collector's habits. */
export const PROCESS_BYTES = 160 * MIB;
/** A worker's own JavaScript heap, stack and code. */
export const WORKER_BYTES = 40 * MIB;

/**
 * Threads that fit under a bound.
 * @param bufferBytes of each; before the plan is known, none has any
 */
export function threadsWithin(maxMemory: number, bufferBytes = 0): number {
  return Math.max(0, Math.floor((maxMemory - PROCESS_BYTES) / (WORKER_BYTES + bufferBytes)));
}
