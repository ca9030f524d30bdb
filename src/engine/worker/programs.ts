/** The programs that a team can carry out, by name: what a worker is asked to run. */
import { calibrate } from "../../rounding/calibrate.ts";
import { evaluate } from "../../forward/programs/evaluate.ts";
import { generate } from "../../forward/programs/generate.ts";
import { measureSensitivity } from "../../forward/programs/measure-sensitivity.ts";
import { measureImportance } from "../../forward/programs/measure-importance.ts";

export const PROGRAMS = { evaluate, generate, measureImportance, measureSensitivity, calibrate } as const;

export type ProgramName = keyof typeof PROGRAMS;
export type ProgramSetup<N extends ProgramName> = Parameters<(typeof PROGRAMS)[N]>[0];
export type ProgramResult<N extends ProgramName> = ReturnType<(typeof PROGRAMS)[N]>;
