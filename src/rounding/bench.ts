/** What a calibration is given, and what each of its members works with. */
import type { ProgramModel } from "../forward/member.ts";
import type { Workbench } from "../forward/projections.ts";
import type { StreamPlace } from "../forward/streams.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import type { BandPool } from "./band.ts";
import type { FactorRoom } from "./factor.ts";
import type { GatherRoom } from "./gather.ts";

/** Numbers kept of each slice of a calibrated matrix. */
export const MATRIX_STATS = 6;
/** Their places: error and energy of the outputs, the plain error, rows left plain, tokens seen, damping. */
export const [ERROR, ENERGY, PLAIN_ERROR, PLAIN_ROWS, TOKENS, DAMPING] = [0, 1, 2, 3, 4, 5] as const;

export interface CalibrateSetup {
  /** The float model, and the file in the making: its tensors lie there already, in plain codes. */
  readonly source: ProgramModel & { readonly stream: StreamPlace };
  readonly result: ProgramModel & { readonly stream: StreamPlace };
  readonly context: number;
  readonly tokens: Int32Array;
  readonly groupWindows: number;
  readonly isAsymmetric: boolean;
  /** Passes of coordinate descent. */
  readonly descents: number;
  /** Levels and tables that are tried for each group of a codebook format. */
  readonly candidates: number;
  /** For the largest matrix: H, in half; the products of inputs, or of wanted outputs with inputs. */
  readonly hessian: Float32Array;
  readonly inverses: Float32Array;
  readonly squares: Float32Array;
  readonly cross: Float32Array;
  /** H of all tokens, for experts. */
  readonly commonHessian?: Float32Array;
  /** Receives `MATRIX_STATS` for each slice, by tensor name; only matrices named here are calibrated. */
  readonly stats: ReadonlyMap<string, Float64Array>;
  /** Room for the outcomes of bands. */
  readonly bandStats: Float64Array;
}

/** What a member has, for as long as the program runs. */
export interface CalibrationBench {
  readonly setup: CalibrateSetup;
  readonly team: Team;
  readonly algebra: Algebra;
  readonly pool: BandPool;
  readonly factorRoom: FactorRoom;
  readonly gatherRoom: GatherRoom;
  readonly source: Workbench;
  readonly result: Workbench;
  /** Of the result's files, open for writing. */
  readonly outputs: readonly number[];
}

/** Rows of a band at most. */
export const MOST_BAND_ROWS = 256;

/** Rows of a band of a matrix with so many columns: the weights of a band are bounded. */
export function rowsOfBand(columns: number): number {
  return columns <= 4096 ? MOST_BAND_ROWS : MOST_BAND_ROWS / 2;
}
