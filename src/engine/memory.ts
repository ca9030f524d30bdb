/** What the process takes beside buffers: measured, rounded up (docs/benchmarks.md). */

const MIB = 2 ** 20;

/** Node with this program loaded, the compiled module, and room for the collector's habits. */
export const PROCESS_BYTES = 160 * MIB;
/** A worker's own JavaScript heap, stack and code. */
export const WORKER_BYTES = 40 * MIB;
