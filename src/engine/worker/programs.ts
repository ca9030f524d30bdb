/** The programs that a team can carry out, by name: what a worker is asked to run. */
import { calibrate } from "../../rounding/calibrate.ts";
import { evaluate } from "../../forward/programs/evaluate.ts";
import { generate } from "../../forward/programs/generate.ts";
import { measureSensitivity } from "../../forward/programs/measure-sensitivity.ts";
import type { ProgramReport } from "../../forward/programs/program.types.ts";
import type { Team } from "../../forward/team.ts";
import { measureImportance } from "../../forward/programs/measure-importance.ts";

/**
 * A program of a caller's: the default export of a module of theirs (JavaScript that Node can import), which every
 * thread calls once.
 * @param setup as it was given to `run`
 * @param team this thread's rank, and how parts of the work are shared out
 * @param report sends a note to the main thread
 * @returns what this thread found: plain data
 */
export type WorkerProgram<Setup, Result> = (
  setup: Setup,
  team: Team,
  report: ProgramReport,
) => Result | Promise<Result>;

export const PROGRAMS = { evaluate, generate, measureImportance, measureSensitivity, calibrate } as const;

export type ProgramName = keyof typeof PROGRAMS;
export type ProgramSetup<N extends ProgramName> = Parameters<(typeof PROGRAMS)[N]>[0];
export type ProgramResult<N extends ProgramName> = ReturnType<(typeof PROGRAMS)[N]>;
