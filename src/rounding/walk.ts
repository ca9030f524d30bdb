/**
 * Windows of a text on their way through a layer, from stop to stop: at each product everybody waits until whoever looks
 * at the inputs has seen those of all windows. Windows that do not fit into the buffers together take turns, in groups;
 * everything is computed once.
 *
 * Two passes may run side by side, through the float model and through the file in the making: each stop is theirs both.
 */
import type { ProgramModel } from "../forward/member.ts";
import type { Pass, PassInput, PassSteps, Sequence } from "../forward/pass.types.ts";
import type { Turns } from "../forward/streams.ts";
import { windowSequences } from "../forward/window-sequences.ts";

/** One of the passes. */
export interface Side {
  readonly pass: Pass;
  readonly model: ProgramModel;
  readonly turns: Turns;
}

/** Windows that go through a layer together. */
export interface Group {
  readonly number: number;
  readonly firstWindow: number;
  readonly windows: number;
}

/** Who looks at the inputs of a stop. */
export interface Visitor {
  /** @param inputs of each side, of one group's windows */
  visit(inputs: readonly PassInput[], group: Group): void;
  /** Called when all groups were visited. @returns true to have them all visited once more */
  finish(): boolean;
}

/** What the steps of a group's sequences are: a layer, or the way to the output. */
export type StepsOf = (pass: Pass, sequences: readonly Sequence[]) => PassSteps;

export interface Walk {
  readonly sides: readonly Side[];
  readonly groups: readonly Group[];
  /** Tokens of a window. */
  readonly context: number;
}

/** @param windows in all, of which `groupWindows` fit into the buffers */
export function groupsOf(windows: number, groupWindows: number): Group[] {
  return Array.from({ length: Math.ceil(windows / groupWindows) }, (_, number) => {
    const firstWindow = number * groupWindows;
    return { number, firstWindow, windows: Math.min(groupWindows, windows - firstWindow) };
  });
}

/** The states of a group's windows: what waits between layers. */
export function statesOf({ model }: Side, rows: number): Float32Array {
  return model.buffers.state.subarray(0, rows * model.hyper.width);
}

/**
 * Takes all groups through some steps. States are put away afterwards.
 * @param visitorOf who looks at a stop, undefined for nobody; it is asked with the first group's inputs
 */
export function walkSteps(
  { sides, groups, context }: Walk,
  stepsOf: StepsOf,
  visitorOf: (input: PassInput) => Visitor | undefined,
): void {
  const rowsOf = (group: Group): number => group.windows * context;
  const underWay = groups.map(({ windows }) => {
    const sequences = windowSequences(windows, context);
    return sides.map(({ pass }) => stepsOf(pass, sequences));
  });
  /** What each group goes on with, and what it shows: from the stop it waits at. */
  const kept = groups.map((group) => sides.map((side) => [statesOf(side, rowsOf(group))] as PassInput["kept"]));
  const inputs: PassInput[][] = groups.map(() => []);
  const enter = ({ number }: Group): void => sides.forEach(({ turns }, i) => turns.enter(number, kept[number]![i]!));
  const leave = ({ number }: Group): void => sides.forEach(({ turns }, i) => turns.leave(number, kept[number]![i]!));

  for (let isOver = false; !isOver;) {
    let visitor: Visitor | undefined;
    for (const group of groups) {
      const { number } = group;
      enter(group);
      const stops = underWay[number]!.map((steps) => steps.next());
      const waiting = stops.flatMap((stop) => (stop.done === true ? [] : [stop.value]));
      isOver = waiting.length === 0;
      inputs[number] = waiting;
      kept[number] = isOver ? sides.map((side) => [statesOf(side, rowsOf(group))]) : waiting.map((stop) => stop.kept);
      leave(group);
      if (isOver) continue;
      if (number === 0) visitor = visitorOf(waiting[0]!);
      visitor?.visit(waiting, group);
    }
    while (visitor?.finish() === true) {
      for (const group of groups) {
        enter(group);
        visitor.visit(inputs[group.number]!, group);
      }
    }
  }
}
