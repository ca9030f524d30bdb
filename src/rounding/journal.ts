/**
 * The journal of an unfinished calibration: what must be known to go on after the last finished step. A folder with
 *
 *   journal    a line of JSON for what is calibrated, then one for each finished step (`StepRecord`)
 *   tokens     the windows of the text
 *   codes      bytes of the rounded tensors, step after step
 *   states-0   hidden states of all windows after the last even step, pass after pass; states-1 after the last odd one
 *
 * A step's data is on the disk before its line is: what has a line can be gone on from, whenever the machine stops.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Team } from "../forward/team.ts";
import { matricesOf, type Matrix } from "../forward/weights.ts";
import type { ProgramModel } from "../forward/member.ts";
import {
  combineHashes,
  formatHash,
  xxh64,
  xxh64Add,
  xxh64Finish,
  xxh64Start,
  XXH64_STATE_BYTES,
} from "../verify/xxh64.ts";
import { writeAll } from "../write/write-all.ts";
import type { CalibrateSetup } from "./bench.ts";
import type { StepRecord } from "./journal.types.ts";
import { statesOf, type Walk } from "./walk.ts";

export const JOURNAL_FILE = "journal";
export const CODES_FILE = "codes";
export const TOKENS_FILE = "tokens";
const statesFile = (step: number): string => `states-${step % 2}`;

/** Bytes that are copied at a time. */
const COPY_BYTES = 2 ** 20;

/** Matrices that a step may round: those of a layer, or the output. */
export function matricesOfStep({ weights, hyper }: Pick<ProgramModel, "weights" | "hyper">, step: number): Matrix[] {
  if (step === hyper.layers) return [weights.output.matrix];
  const { layers } = weights;
  const [, , ...matrices] = matricesOf({ ...weights, layers: layers.slice(step, step + 1) });
  return matrices;
}

/** Calls `visit` with the states of each window of each pass, shared out among the team. */
function eachWindow(
  team: Team,
  { sides, context }: Walk,
  group: Walk["groups"][number],
  visit: (states: Float32Array, side: number, window: number) => void,
): void {
  team.each(sides.length * group.windows, (part) => {
    const [index, w] = [Math.floor(part / group.windows), part % group.windows];
    const side = sides[index]!;
    const { width } = side.model.hyper;
    const states = statesOf(side, (w + 1) * context).subarray(w * context * width);
    visit(states, index, group.firstWindow + w);
  });
}

/** Puts the states after the last finished step where the walk expects them; steps of the whole team. */
export function restoreStates(team: Team, setup: CalibrateSetup, walk: Walk): void {
  const { folder, doneSteps, stateHash, windowHashes } = setup.journal!;
  const path = join(folder, statesFile(doneSteps - 1));
  const fd = openSync(path, "r");
  const windows = setup.tokens.length / setup.context;
  for (const group of walk.groups) {
    eachWindow(team, walk, group, (states, side, window) => {
      const bytes = new Uint8Array(states.byteLength);
      readFully(fd, path, bytes, (side * windows + window) * bytes.length);
      windowHashes[side * windows + window] = xxh64(bytes);
      states.set(new Float32Array(bytes.buffer));
    });
    for (const side of walk.sides) side.turns.leave(group.number, [statesOf(side, group.windows * setup.context)]);
  }
  closeSync(fd);
  const found = formatHash(combineHashes([...windowHashes]));
  if (found !== stateHash) {
    throw new QuantizeError("bad-data", `${path}: expected states of hash ${stateHash}, found ${found}`);
  }
  // Nobody may write the next hashes before all have looked.
  team.once(() => {});
}

function readFully(fd: number, path: string, out: Uint8Array, position: number): void {
  for (let done = 0; done < out.length;) {
    const count = readSync(fd, out, done, out.length - done, position + done);
    if (count === 0) throw new QuantizeError("io", `${path}: expected ${position + out.length} bytes, found fewer`);
    done += count;
  }
}

/** Writes the states of all windows; steps of the whole team. Their hash is known afterwards. */
function saveStates(team: Team, setup: CalibrateSetup, walk: Walk, path: string): void {
  const { windowHashes } = setup.journal!;
  const fd = openSync(path, "r+");
  const windows = setup.tokens.length / setup.context;
  for (const group of walk.groups) {
    for (const side of walk.sides) side.turns.enter(group.number, [statesOf(side, group.windows * setup.context)]);
    eachWindow(team, walk, group, (floats, side, window) => {
      const bytes = new Uint8Array(floats.slice().buffer);
      windowHashes[side * windows + window] = xxh64(bytes);
      writeAll(fd, bytes, (side * windows + window) * bytes.length);
    });
  }
  team.once(() => fsyncSync(fd));
  closeSync(fd);
}

/**
 * Writes down that a step is finished; steps of the whole team.
 * @param walk whose states are needed to go on; undefined after the last step
 * @param codeBytes of the steps before
 * @returns bytes of codes up to the end of this one
 */
export function recordStep(
  team: Team,
  setup: CalibrateSetup,
  walk: Walk | undefined,
  step: number,
  codeBytes: number,
  outputs: readonly number[],
): number {
  const { folder, windowHashes } = setup.journal!;
  if (walk !== undefined) saveStates(team, setup, walk, join(folder, statesFile(step)));
  const matrices = matricesOfStep(setup.result, step).filter(({ tensor }) => setup.stats.has(tensor.name));
  const bytes = matrices.reduce((sum, { tensor }) => sum + tensor.extents[0]!.byteLength, 0);
  team.once(() => {
    const hash = copyCodes(matrices, outputs, join(folder, CODES_FILE), codeBytes);
    const record: StepRecord = {
      step,
      codeBytes: codeBytes + bytes,
      codeHash: formatHash(hash),
      ...(walk !== undefined && { stateHash: formatHash(combineHashes([...windowHashes])) }),
      tensors: matrices.map(({ tensor: { name, codebooks } }) => ({
        name,
        stats: [...setup.stats.get(name)!],
        ...(codebooks && { levels: codebooks.map(({ levels }) => [...levels]) }),
      })),
    };
    const journal = openSync(join(folder, JOURNAL_FILE), "a");
    writeSync(journal, `${JSON.stringify(record)}\n`);
    fsyncSync(journal);
    closeSync(journal);
  });
  return codeBytes + bytes;
}

/** Appends the bytes of tensors. @returns their hash */
function copyCodes(matrices: readonly Matrix[], outputs: readonly number[], path: string, start: number): bigint {
  const state = new Uint8Array(XXH64_STATE_BYTES);
  xxh64Start(state);
  const fd = openSync(path, "r+");
  let at = start;
  for (const { tensor } of matrices) {
    const [{ file, byteOffset, byteLength }] = tensor.extents as [Matrix["tensor"]["extents"][number]];
    for (let done = 0; done < byteLength; done += COPY_BYTES) {
      const bytes = new Uint8Array(Math.min(COPY_BYTES, byteLength - done));
      readFully(outputs[file]!, tensor.name, bytes, byteOffset + done);
      xxh64Add(state, bytes);
      writeAll(fd, bytes, at);
      at += bytes.length;
    }
  }
  fsyncSync(fd);
  closeSync(fd);
  return xxh64Finish(state);
}
