/**
 * A team: threads that carry out one program together, step by step. Every member runs the same code; a step's parts
 * are shared out among them, and nobody begins the next step before all have finished this one. What a part computes
 * must not depend on who computes it: so results do not depend on the number of threads.
 *
 * Members talk through four integers of shared memory; the main thread is not asked.
 */

const ARRIVED = 0;
const STEP = 1;
const NEXT_PART = 2;
const STOPPED = 3;

/** Integers that a team shares. */
export const TEAM_WORDS = 4;

/** Looks at the step's number before a member goes to sleep: most waits are shorter than waking up takes. */
const SPINS = 2000;

/** One member's view of its team. */
export interface Team {
  /** From 0. */
  readonly rank: number;
  readonly size: number;
  /**
   * A step: parts 0 to `count` - 1 are done, each once, by whoever is free; returns when all are done.
   * @throws TeamStopped when another member failed, or the team was told to stop
   */
  each(count: number, work: (part: number) => void): void;
  /**
   * The same, but a part is always done by the same member: for what a member keeps between steps.
   * @param ownerOf a number of the part, which member `number` modulo `size` does; default: the part itself
   */
  own(count: number, work: (part: number) => void, ownerOf?: (part: number) => number): void;
  /** A step of one part. */
  once(work: () => void): void;
}

/** Thrown in members whose team has stopped: the reason is known elsewhere. */
export class TeamStopped extends Error {
  override readonly name = "TeamStopped";
}

/** The shared integers of a new team. */
export function makeTeamWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(TEAM_WORDS * Int32Array.BYTES_PER_ELEMENT));
}

/** Ends a team: members leave at their next step. */
export function stopTeam(words: Int32Array): void {
  Atomics.store(words, STOPPED, 1);
  Atomics.add(words, STEP, 1);
  Atomics.notify(words, STEP);
}

/** Member `rank` of a team of `size`. */
export function joinTeam(words: Int32Array, rank: number, size: number): Team {
  const goOn = (): void => {
    if (Atomics.load(words, STOPPED) !== 0) throw new TeamStopped("the team has stopped");
  };
  const meet = (): void => {
    const step = Atomics.load(words, STEP);
    goOn();
    if (Atomics.add(words, ARRIVED, 1) + 1 === size) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.store(words, NEXT_PART, 0);
      Atomics.add(words, STEP, 1);
      Atomics.notify(words, STEP);
      return;
    }
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, STEP) !== step) break;
    while (Atomics.load(words, STEP) === step) Atomics.wait(words, STEP, step);
    goOn();
  };
  return {
    rank,
    size,
    each(count, work) {
      for (let part = Atomics.add(words, NEXT_PART, 1); part < count; part = Atomics.add(words, NEXT_PART, 1)) {
        goOn();
        work(part);
      }
      meet();
    },
    own(count, work, ownerOf = (part) => part) {
      for (let part = 0; part < count; part++) {
        if (ownerOf(part) % size !== rank) continue;
        goOn();
        work(part);
      }
      meet();
    },
    once(work) {
      if (rank === 0) work();
      meet();
    },
  };
}
