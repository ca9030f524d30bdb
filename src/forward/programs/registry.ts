/** The programs that a team can carry out, by name: what a worker is asked to run. */
import { evaluate } from "./evaluate.ts";
import { generate } from "./generate.ts";
import { measureImportance } from "./measure-importance.ts";

export const PROGRAMS = { evaluate, generate, measureImportance } as const;

export type ProgramName = keyof typeof PROGRAMS;
export type ProgramSetup<N extends ProgramName> = Parameters<(typeof PROGRAMS)[N]>[0];
export type ProgramResult<N extends ProgramName> = ReturnType<(typeof PROGRAMS)[N]>;
