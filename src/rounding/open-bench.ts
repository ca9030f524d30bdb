/** Memory of a member: planned by arithmetic, then taken. */
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { openSync } from "node:fs";
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../forward/member.ts";
import type { Numerics } from "../forward/numerics/numerics.ts";
import type { Team } from "../forward/team.ts";
import { scalarAlgebra, wasmAlgebra } from "./algebra/algebra.ts";
import { bandPoolBytes, makeBandPool } from "./band.ts";
import { MOST_BAND_ROWS, rowsOfBand, type RoundingBench, type RoundingSetup } from "./bench.ts";
import { factorRoomBytes, makeFactorRoom } from "./factor.ts";
import { gatherRoomBytes } from "./gather.ts";
import { codebookRounderBytes } from "./round-codebook-rows.ts";
import { uniformRounderBytes } from "./round-uniform.ts";

/** What a member's memory is for. */
export interface BenchSizes {
  /** Columns of the parts that are rounded, each number once. */
  readonly columns: readonly number[];
  /** Formats that they are rounded to. */
  readonly codecs: readonly string[];
  /** Activation rows of a window at most; 0 where nothing is summed up. */
  readonly windowRows: number;
}

/** The most bytes that a weight takes as encoded block: formats of 16 bits and more are not rounded. */
const BLOCK_BYTES_PER_WEIGHT = 2;

const weightsOf = ({ columns }: BenchSizes): number => Math.max(...columns.map((size) => size * rowsOfBand(size)));

/** Bytes of a member's algebra. */
export function algebraBytes(sizes: BenchSizes): number {
  const { columns, codecs, windowRows } = sizes;
  const [weights, size] = [weightsOf(sizes), Math.max(...columns)];
  const rounders = [...new Set(codecs)].reduce((sum, codec) => {
    const format = findFormat(codec)!;
    if (isCodebookFormat(format)) return sum + codebookRounderBytes(format, MOST_BAND_ROWS, weights);
    return sum + uniformRounderBytes(MOST_BAND_ROWS);
  }, 0);
  const rooms = factorRoomBytes(size) + (windowRows === 0 ? 0 : gatherRoomBytes(windowRows));
  const blocks = 2 * BLOCK_BYTES_PER_WEIGHT * weights;
  return bandPoolBytes(weights, size, MOST_BAND_ROWS) + rooms + rounders + blocks + 4 * size + 3 * 128 + 65536;
}

/** @param keptBytes of the numerics, see `numericsLimits` */
export function openRoundingBench(
  setup: RoundingSetup,
  sizes: BenchSizes,
  positions: number,
  keptBytes: number,
  team: Team,
  module: WebAssembly.Module | undefined,
): { readonly bench: RoundingBench; readonly numerics: Numerics } {
  const { source, result } = setup;
  const algebra = module === undefined ? scalarAlgebra() : wasmAlgebra(module, algebraBytes(sizes));
  const numerics = makeNumerics(module, numericsLimits([source, result], positions, keptBytes));
  const [weights, size] = [weightsOf(sizes), Math.max(...sizes.columns)];
  const blocks = (): Uint8Array => algebra.bytes(BLOCK_BYTES_PER_WEIGHT * weights);
  const at = (model: ProgramModel) => workbench(team, numerics, model);
  const bench: RoundingBench = {
    setup,
    team,
    algebra,
    pool: makeBandPool(algebra, weights, size, MOST_BAND_ROWS),
    factorRoom: makeFactorRoom(algebra, size),
    importance: algebra.floats(size),
    blocks: blocks(),
    fresh: blocks(),
    rounders: new Map(),
    source: at(source),
    result: at(result),
    outputs: result.files.map(({ path }) => openSync(path, "r+")),
    seconds: { passes: 0, sums: 0, factors: 0, rounding: 0 },
  };
  return { bench, numerics };
}
