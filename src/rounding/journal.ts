/** What members write into the journal of a calibration, and how they go on from it. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import type { ProgramModel } from "../forward/member.ts";
import type { Team } from "../forward/team.ts";
import { matricesOf } from "../forward/weights.ts";
import type { Tensor } from "../read/model.ts";
import { combineHashes, formatHash, xxh64 } from "../verify/xxh64.ts";
import { writeAll } from "../write/write-all.ts";
import type { CalibrateSetup } from "./bench.ts";
import { appendLine, codeRuns, codesPath, copyRuns, readAt, statesPath } from "./journal-files.ts";
import type { StepRecord } from "./journal.types.ts";
import { statesOf, type Walk } from "./walk.ts";

/** Tensors that a step rounds: calibrated ones of a layer, or the output. */
export function tensorsOfStep(
  { weights, hyper }: Pick<ProgramModel, "weights" | "hyper">,
  step: number,
  calibrated: { has(name: string): boolean },
): Tensor[] {
  const [, output, ...matrices] = matricesOf({ ...weights, layers: weights.layers.slice(step, step + 1) });
  const tensors = (step === hyper.layers ? [output!] : matrices).map(({ tensor }) => tensor);
  return [...new Set(tensors)].filter(({ name }) => calibrated.has(name));
}

/** Steps of a calibration: layers, and the output where it is calibrated. */
export function stepCount(
  { weights, hyper }: Pick<ProgramModel, "weights" | "hyper">,
  calibrated: { has(name: string): boolean },
): number {
  return hyper.layers + (calibrated.has(weights.output.matrix.tensor.name) ? 1 : 0);
}

/** Calls `visit` with the states of each window of a group in each pass, shared out among the team. */
function eachWindow(
  team: Team,
  { sides, context }: Walk,
  group: Walk["groups"][number],
  visit: (states: Float32Array, side: number, window: number) => void,
): void {
  team.each(sides.length * group.windows, (part) => {
    const [index, w] = [Math.floor(part / group.windows), part % group.windows];
    const side = sides[index]!;
    const states = statesOf(side, (w + 1) * context).subarray(w * context * side.model.hyper.width);
    visit(states, index, group.firstWindow + w);
  });
}

/**
 * Puts the states after the last finished step where the walk expects them; steps of the whole team.
 * @throws QuantizeError `bad-data` for states that are not those which were written
 */
export function restoreStates(team: Team, setup: CalibrateSetup, walk: Walk): void {
  const { folder, doneSteps, stateHash, windowHashes } = setup.journal!;
  const path = statesPath(folder, doneSteps - 1);
  const fd = openSync(path, "r");
  const windows = setup.tokens.length / setup.context;
  for (const group of walk.groups) {
    eachWindow(team, walk, group, (states, side, window) => {
      const bytes = new Uint8Array(states.byteLength);
      readAt(fd, path, bytes, (side * windows + window) * bytes.length);
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

/** Writes the states of all windows; steps of the whole team. Their hashes are known afterwards. */
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
 * @param fds of the result's files
 * @returns bytes of codes up to the end of this one
 */
export function recordStep(
  team: Team,
  setup: CalibrateSetup,
  walk: Walk | undefined,
  step: number,
  codeBytes: number,
  fds: readonly number[],
): number {
  const { result, stats, journal } = setup;
  const { folder, windowHashes } = journal!;
  if (walk !== undefined) saveStates(team, setup, walk, statesPath(folder, step));
  const tensors = tensorsOfStep(result, step, stats);
  const end = tensors.reduce((sum, { extents: [extent] }) => sum + extent!.byteLength, codeBytes);
  team.once(() => {
    const path = codesPath(folder);
    const fd = openSync(path, "r+");
    const runs = codeRuns(tensors, result.files, fds, { fd, path }, codeBytes);
    const codeHash = copyRuns(runs.map(({ tensor, codes, byteLength }) => ({ from: tensor, to: codes, byteLength })));
    fsyncSync(fd);
    closeSync(fd);
    const record: StepRecord = {
      kind: "step",
      step,
      codeBytes: end,
      codeHash,
      ...(walk !== undefined && { stateHash: formatHash(combineHashes([...windowHashes])) }),
      tensors: tensors.map(({ name, codebooks }) => ({
        name,
        stats: [...stats.get(name)!],
        ...(codebooks && { levels: codebooks.map(({ levels }) => base64Of(levels)) }),
      })),
    };
    appendLine(folder, record);
  });
  return end;
}

const base64Of = (values: Float32Array): string => Buffer.from(values.slice().buffer).toString("base64");
