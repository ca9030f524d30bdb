/**
 * Hidden states of more rows than the buffers hold: on shared memory or, when they do not fit, in a temporary file. Groups
 * of rows are brought into the buffers, taken through a layer, and put back.
 */
import { openSync, readSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { writeAll } from "../write/write-all.ts";
import type { Team } from "./team.ts";

/** Where the states of one model are kept. `buffer`: in the buffers themselves, which hold all rows. */
export type StreamPlace =
  | { readonly kind: "buffer" }
  | { readonly kind: "memory"; readonly states: Float32Array }
  | { readonly kind: "file"; readonly path: string };

export interface Stream {
  /** Rows `[first, first + count)` into the first rows of the buffer. */
  load(first: number, count: number): void;
  save(first: number, count: number): void;
}

/** Rows that a member copies at a time. */
const ROWS_PER_PART = 256;

/**
 * @param state the buffer
 * @param width floats of a row
 */
export function openStream(team: Team, place: StreamPlace, state: Float32Array, width: number): Stream {
  if (place.kind === "buffer") return { load() {}, save() {} };
  const fd = place.kind === "file" ? openSync(place.path, "r+") : -1;
  const move = (copy: (from: number, to: number, rows: number) => void) => (first: number, count: number) =>
    team.each(Math.ceil(count / ROWS_PER_PART), (part) => {
      const start = part * ROWS_PER_PART;
      copy(first + start, start, Math.min(ROWS_PER_PART, count - start));
    });
  return {
    load: move((from, to, rows) => {
      const target = state.subarray(to * width, (to + rows) * width);
      if (place.kind === "memory") target.set(place.states.subarray(from * width, (from + rows) * width));
      else {
        const bytes = new Uint8Array(target.byteLength);
        for (let done = 0; done < bytes.length;) {
          const count = readSync(fd, bytes, done, bytes.length - done, from * width * 4 + done);
          if (count === 0) throw new QuantizeError("io", `${place.path}: the file of hidden states became shorter`);
          done += count;
        }
        target.set(new Float32Array(bytes.buffer));
      }
    }),
    save: move((to, from, rows) => {
      const source = state.subarray(from * width, (from + rows) * width);
      if (place.kind === "memory") place.states.set(source, to * width);
      else writeAll(fd, new Uint8Array(Float32Array.from(source).buffer), to * width * 4);
    }),
  };
}
