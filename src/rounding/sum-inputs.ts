/** Sums over the inputs of a stop, X^T X of each part, as the windows come by. */
import type { PassInput } from "../forward/pass.types.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import { addSquares, type GatherRoom, type TokenColumns } from "./gather.ts";
import type { Sweep } from "./part-sweeps.ts";
import { upperLength, type UpperMatrix } from "./upper-matrix.ts";

const { fround } = Math;

/** An expert that fewer tokens come to, for each column, is filled up with what comes to all of them. */
const LEAST_TOKENS_PER_COLUMN = 2;

export interface SumsBench {
  readonly team: Team;
  readonly algebra: Algebra;
  readonly gatherRoom: GatherRoom;
  readonly hessians: Float32Array;
  readonly commonHessian: Float32Array;
}

/** Tokens that came to each part of a sweep, and to all slices together. */
export interface TokenCounts {
  readonly parts: Float64Array;
  all: number;
}

/** Where the sums of part `n` of a sweep are. */
export function hessianOf({ hessians }: Pick<SumsBench, "hessians">, { columns }: Sweep, n: number): UpperMatrix {
  const length = upperLength(columns.count);
  return { size: columns.count, values: hessians.subarray(n * length, (n + 1) * length) };
}

/** The sums of all tokens, whatever slice they went to. */
export function commonOf({ commonHessian }: Pick<SumsBench, "commonHessian">, { columns }: Sweep): UpperMatrix {
  return { size: columns.count, values: commonHessian.subarray(0, upperLength(columns.count)) };
}

/** Makes room for the sums of a sweep. */
export function beginSums(bench: SumsBench, sweep: Sweep, isOfExperts: boolean): TokenCounts {
  const arrays = sweep.parts.map((_, n) => hessianOf(bench, sweep, n).values);
  if (isOfExperts && sweep.isFirst) arrays.push(commonOf(bench, sweep).values);
  clear(bench.team, arrays);
  return { parts: new Float64Array(sweep.parts.length), all: 0 };
}

/** Adds a group's windows. @param windows how many */
export function addInputs(
  bench: SumsBench,
  sweep: Sweep,
  counts: TokenCounts,
  { activations, rows, rowsOf }: PassInput,
  windows: number,
): void {
  const { team, algebra, gatherRoom } = bench;
  const perWindow = rows / windows;
  const all = Array.from({ length: windows }, (_, w) => ({ first: w * perWindow, count: perWindow }));
  const inputs: TokenColumns = { floats: activations.floats, stride: activations.columns, ...sweep.columns };
  counts.all += rows;
  if (rowsOf !== undefined && sweep.isFirst) {
    addSquares(team, algebra, gatherRoom, inputs, all, commonOf(bench, sweep));
  }
  for (const [n, { slice }] of sweep.parts.entries()) {
    const own = rowsOf?.(slice);
    counts.parts[n]! += own?.length ?? rows;
    const byWindow =
      own === undefined ? all : all.map(({ first, count }) => own.filter((row) => row >= first && row < first + count));
    addSquares(team, algebra, gatherRoom, inputs, byWindow, hessianOf(bench, sweep, n));
  }
}

/**
 * Fills up the sums of an expert that few tokens came to.
 * @param tokens that came, `all` that the common sums are of
 * @returns how many tokens the sums are worth now
 */
export function fillUp(team: Team, hessian: UpperMatrix, common: UpperMatrix, tokens: number, all: number): number {
  const wanted = LEAST_TOKENS_PER_COLUMN * hessian.size;
  if (tokens >= wanted) return tokens;
  const factor = fround((wanted - tokens) / all);
  const [to, from] = [hessian.values, common.values];
  const part = 2 ** 18;
  team.each(Math.ceil(to.length / part), (index) => {
    const end = Math.min(to.length, (index + 1) * part);
    for (let i = index * part; i < end; i++) to[i] = fround(to[i]! + fround(from[i]! * factor));
  });
  return wanted;
}

/** Makes all zero. */
export function clear(team: Team, arrays: readonly Float32Array[]): void {
  const part = 2 ** 20;
  const parts = arrays.flatMap((array) =>
    Array.from({ length: Math.ceil(array.length / part) }, (_, i) => array.subarray(i * part, (i + 1) * part)),
  );
  team.each(parts.length, (i) => parts[i]!.fill(0));
}
