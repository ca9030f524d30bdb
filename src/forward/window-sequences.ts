import type { Sequence } from "./pass.types.ts";

/** Windows that lie one after the other in the buffers, each from position 0 on. */
export function windowSequences(count: number, context: number): Sequence[] {
  return Array.from({ length: count }, (_, window) => ({ row: window * context, count: context, position: 0 }));
}
