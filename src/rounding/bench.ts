/** What a calibration is given, and what each of its members works with. */
import type { ProgramModel } from "../forward/member.ts";
import type { Workbench } from "../forward/projections.ts";
import type { StreamPlace } from "../forward/streams.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import type { BandPool } from "./band.ts";
import type { FactorRoom } from "./factor.ts";
import type { GatherRoom } from "./gather.ts";
import type { JournalPlace } from "./journal.types.ts";
import type { RowRounder } from "./row-rounder.ts";

/** Numbers kept of each slice of a calibrated matrix, on memory that all threads share. */
export const MATRIX_STATS = 9;
/**
 * Their places: error and energy of the outputs, the error that plain rounding would leave, rows left plain, tokens seen,
 * damping; sums over weights: (w - q)^2, w^2, q^2.
 */
export const [ERROR, ENERGY, PLAIN_ERROR, PLAIN_ROWS, TOKENS, DAMPING, SUMS] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Of these a band has some, in this order. */
export const BAND_NUMBERS = [ERROR, ENERGY, PLAIN_ERROR, PLAIN_ROWS, SUMS, SUMS + 1, SUMS + 2] as const;

/** Seconds that a member spent on each kind of work. */
export interface CalibrationSeconds {
  /** Through the layers. */
  passes: number;
  /** Sums over tokens. */
  sums: number;
  /** Factors of the sums. */
  factors: number;
  /** Targets, feedback, descent, and whatever chooses scales. */
  rounding: number;
}

/** What rounding needs to know, wherever its sums come from. */
export interface RoundingSetup {
  /** The float model, and the file in the making: its tensors lie there already, in plain codes. */
  readonly source: ProgramModel;
  readonly result: ProgramModel;
  /** Passes of coordinate descent. */
  readonly descents: number;
  /** Levels and tables that are tried for each group of a codebook format. */
  readonly candidates: number;
  /** Columns of an H at most: wider matrices are cut into parts that are rounded by themselves. */
  readonly mostColumns: number;
  /** Room for H, in half, of the widest part; experts share it out among as many as it holds. */
  readonly hessians: Float32Array;
  /** H of all tokens, for experts. */
  readonly commonHessian: Float32Array;
  readonly inverses: Float32Array;
  readonly squares: Float32Array;
  /** Receives `MATRIX_STATS` for each slice, by tensor name; only matrices named here are calibrated. */
  readonly stats: ReadonlyMap<string, Float64Array>;
  /** Room for the outcomes of bands. */
  readonly bandStats: Float64Array;
}

export interface CalibrateSetup extends RoundingSetup {
  /** Where activations of all windows wait, of the float model and of the file in the making. */
  readonly places: readonly StreamPlace[];
  readonly context: number;
  readonly tokens: Int32Array;
  readonly groupWindows: number;
  readonly isAsymmetric: boolean;
  /** Products of inputs, or of wanted outputs with inputs. */
  readonly cross: Float32Array;
  readonly journal?: JournalPlace;
}

/** What a member has for rounding, for as long as the program runs. */
export interface RoundingBench {
  readonly setup: RoundingSetup;
  readonly team: Team;
  readonly algebra: Algebra;
  readonly pool: BandPool;
  readonly factorRoom: FactorRoom;
  /** Importance of each column, and two bands of encoded blocks. */
  readonly importance: Float32Array;
  readonly blocks: Uint8Array;
  readonly fresh: Uint8Array;
  /** By codec, made when they are needed. */
  readonly rounders: Map<string, RowRounder>;
  readonly source: Workbench;
  readonly result: Workbench;
  /** Of the result's files, open for writing. */
  readonly outputs: readonly number[];
  readonly seconds: CalibrationSeconds;
}

/** And for sums over tokens. */
export interface CalibrationBench extends RoundingBench {
  readonly setup: CalibrateSetup;
  readonly gatherRoom: GatherRoom;
}

/** Rows of a band at most. */
export const MOST_BAND_ROWS = 256;
/** Columns up to which a band has that many: the weights of a band are bounded. */
const COLUMNS_OF_FULL_BANDS = 4096;

/** Rows of a band of a matrix with so many columns. */
export function rowsOfBand(columns: number): number {
  return columns <= COLUMNS_OF_FULL_BANDS ? MOST_BAND_ROWS : MOST_BAND_ROWS / 2;
}

/** Does some work and counts its seconds. */
export function timed<T>(seconds: CalibrationSeconds, kind: keyof CalibrationSeconds, work: () => T): T {
  const start = performance.now();
  try {
    return work();
  } finally {
    seconds[kind] += (performance.now() - start) / 1000;
  }
}
