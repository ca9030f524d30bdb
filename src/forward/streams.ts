/**
 * Activations of more rows than the buffers hold: on shared memory or, when they do not fit, in a temporary file. Groups
 * of rows are brought into the buffers, taken some way through the model, and put back.
 */
import { openSync, readSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { writeAll } from "../write/write-all.ts";
import type { BufferPart } from "./pass.types.ts";
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

/** Groups of rows that take turns in the same buffers: what a group goes on with waits for its next turn. */
export interface Turns {
  /** Puts parts of the buffers away. */
  leave(group: number, parts: readonly BufferPart[]): void;
  /** Puts them back where they were. */
  enter(group: number, parts: readonly BufferPart[]): void;
}

/** Rows that a member copies at a time. */
const ROWS_PER_PART = 256;
/** Elements that a member copies at a time: they are copied once more on their way to a file. */
const ELEMENTS_PER_PART = 2 ** 17;
const ELEMENT_BYTES = 4;

/** Where elements of four bytes are kept: `at` counts them. */
interface Store {
  read(part: BufferPart, at: number): void;
  write(part: BufferPart, at: number): void;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: BufferPart): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function openStore(place: Exclude<StreamPlace, { kind: "buffer" }>): Store {
  if (place.kind === "memory") {
    const { states } = place;
    const at = (start: number, part: BufferPart): Uint8Array => bytesOf(states.subarray(start, start + part.length));
    return {
      read: (part, start) => bytesOf(part).set(at(start, part)),
      write: (part, start) => at(start, part).set(bytesOf(part)),
    };
  }
  const fd = openSync(place.path, "r+");
  return {
    read(part, at) {
      // The system does not write into shared memory.
      const bytes = new Uint8Array(part.byteLength);
      for (let done = 0; done < bytes.length;) {
        const count = readSync(fd, bytes, done, bytes.length - done, at * ELEMENT_BYTES + done);
        if (count === 0) throw new QuantizeError("io", `${place.path}: the file of activations became shorter`);
        done += count;
      }
      bytesOf(part).set(bytes);
    },
    write: (part, at) => writeAll(fd, bytesOf(part).slice(), at * ELEMENT_BYTES),
  };
}

/**
 * @param state the buffer
 * @param width floats of a row
 */
export function openStream(team: Team, place: StreamPlace, state: Float32Array, width: number): Stream {
  if (place.kind === "buffer") return { load() {}, save() {} };
  const store = openStore(place);
  const move = (copy: Store["read"]) => (first: number, count: number) =>
    team.each(Math.ceil(count / ROWS_PER_PART), (part) => {
      const start = part * ROWS_PER_PART;
      const end = Math.min(count, start + ROWS_PER_PART);
      copy(state.subarray(start * width, end * width), (first + start) * width);
    });
  return { load: move(store.read), save: move(store.write) };
}

/** @param groupElements elements of all parts of a group, at most */
export function openTurns(team: Team, place: StreamPlace, groupElements: number): Turns {
  if (place.kind === "buffer") return { leave() {}, enter() {} };
  const store = openStore(place);
  const move = (copy: Store["read"]) => (group: number, parts: readonly BufferPart[]) => {
    let at = group * groupElements;
    const pieces: [BufferPart, number][] = [];
    for (const part of parts) {
      for (let start = 0; start < part.length; start += ELEMENTS_PER_PART) {
        pieces.push([part.subarray(start, start + ELEMENTS_PER_PART), at + start]);
      }
      at += part.length;
    }
    if (at > (group + 1) * groupElements) throw new RangeError(`room for ${groupElements} elements of a group`);
    team.each(pieces.length, (piece) => copy(...pieces[piece]!));
  };
  return { leave: move(store.write), enter: move(store.read) };
}
