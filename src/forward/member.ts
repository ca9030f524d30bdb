/** One thread's part in a team: its numerics, its open files, and a pass through each of the models. */
import { preparedBytes } from "../../codecs/codebooks/prepared-codebook.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import type { Model } from "../read/model.ts";
import { openModelFiles } from "../read/read-tensor.ts";
import type { PassBuffers } from "./buffers.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { Numerics, NumericsLimits } from "./numerics/numerics.ts";
import { scalarNumerics } from "./numerics/scalar-numerics.ts";
import { wasmNumerics } from "./numerics/wasm-numerics.ts";
import { tileBytes, tileRows, type Arithmetic, type Workbench } from "./projections.ts";
import type { Team } from "./team.ts";
import { matricesOf, type ModelWeights } from "./weights.ts";

/** A model as programs get it: plain data, large arrays on shared memory. */
export interface ProgramModel {
  readonly path: string;
  readonly files: Model["files"];
  readonly hyper: Hyperparameters;
  readonly weights: ModelWeights;
  readonly arithmetic: Arithmetic;
  readonly buffers: PassBuffers;
}

/** What a thread's numerics need for these models. */
export function numericsLimits(
  models: readonly Pick<ProgramModel, "hyper" | "weights">[],
  positions: number,
  keptBytes: number,
): NumericsLimits {
  const matrices = models.flatMap(({ weights }) => matricesOf(weights));
  const most = <T>(items: readonly T[], value: (item: T) => number): number =>
    items.reduce((max, item) => Math.max(max, value(item)), 0);
  return {
    tileWeights: most(matrices, ({ columns }) => tileRows(columns) * columns),
    tileBytes: most(matrices, tileBytes),
    tileRows: most(matrices, ({ columns }) => tileRows(columns)),
    tableBytes: most(matrices, ({ tensor }) => {
      const format = findFormat(tensor.codec)!;
      return isCodebookFormat(format) ? preparedBytes(format, MAX_TABLES) : 0;
    }),
    columns: most(matrices, ({ columns }) => columns),
    positions,
    vocabulary: most(models, ({ weights }) => weights.vocabulary),
    headLength: most(models, ({ hyper }) => Math.max(hyper.keyLength, hyper.valueLength)),
    keptBytes,
  };
}

/** Makes a thread's numerics. @param module of `dist/quantize.wasm`; absent: the scalar definitions */
export function makeNumerics(module: WebAssembly.Module | undefined, limits: NumericsLimits): Numerics {
  return module === undefined ? scalarNumerics() : wasmNumerics(module, limits);
}

/** Opens a model's files for a thread. */
export function workbench(team: Team, numerics: Numerics, { files, arithmetic }: ProgramModel): Workbench {
  return { team, numerics, files, fds: openModelFiles(files), arithmetic };
}
