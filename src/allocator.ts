/** Buffers one after the other in a worker's memory, 64-byte aligned, each with 64 bytes of room behind it. */

/** Of every address that is handed out. */
export const ALIGNMENT = 64;

/** Takes so many bytes; returns their address. */
export type Take = (bytes: number) => number;

/** Hands out addresses from `base` on; `end` is the first byte behind the last buffer. */
export function allocator(base: number): { readonly take: Take; readonly end: () => number } {
  let end = base;
  return {
    take(bytes) {
      const address = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      end = address + bytes + ALIGNMENT;
      return address;
    },
    end: () => end,
  };
}
