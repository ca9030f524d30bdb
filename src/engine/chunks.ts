/**
 * Within a band a worker goes on in chunks of rows whose buffers (stored bytes, f32 weights, blocks, decoded weights)
 * stay in a core's second-level cache together.
 */

/** f32 weights and their decoded twins take 512 KiB, all buffers together less than 1 MiB. */
const CHUNK_WEIGHTS = 2 ** 16;

/**
 * Rows per chunk.
 * @param rowMultiple rows that belong together: the group of rows of the layouts on both sides
 */
export function rowsPerChunk(rowLength: number, rowMultiple: number): number {
  return Math.max(1, Math.floor(CHUNK_WEIGHTS / (rowLength * rowMultiple))) * rowMultiple;
}
