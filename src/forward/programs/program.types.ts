/** What a program is: code that every member of a team carries out. */
import type { Team } from "../team.ts";

/** What a program says while it runs: plain data, mostly member 0 counting its steps. */
export type ProgramReport = (note: unknown) => void;

/** How far a program is. */
export interface StepNote {
  /** Work done and in all, in any unit. */
  readonly done: number;
  readonly of: number;
  /** What it is at: `layer 3 of 22`. */
  readonly step: string;
}

/** @returns what the member found: plain data; most results lie on memory that was shared at the start */
export type Program<Setup, Result> = (
  setup: Setup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
) => Result;
