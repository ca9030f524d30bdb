/** What a worker does before a codebook tensor can be encoded: read a sample of one slice, and learn its tables. */
import type { Codebook, CodebookFormat, Effort } from "../../../codecs/codec.ts";
import { findFormat } from "../../../codecs/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { fitCodebook } from "../../fit/fit-codebook.ts";
import { fixedTables } from "../../fit/fixed-tables.ts";
import { fittedGroups, planSample, sampledGroups, sampleLength } from "../../fit/sample.ts";
import { levelCount } from "../../plan/table-count.ts";
import { elementCount, sliceCount } from "../../read/model.ts";
import { readTensorRows } from "../../read/read-tensor.ts";
import { planFitArena } from "./arena.ts";
import type { WorkerFiles } from "./band-worker.ts";
import type { Backend } from "./backend.ts";
import { jobShape } from "./job-shape.ts";
import type { TensorJob, WorkerSetup } from "./tasks.types.ts";

/** Weights in the sample of a job's slice, and those of them that the fit works on, at most. */
export function fitWeights({ tensor, codec, tables }: TensorJob, effort: Effort) {
  const sliceWeights = elementCount(tensor.shape) / sliceCount(tensor.shape);
  const { blockSize } = findFormat(codec)!;
  return {
    sampled: Math.min(sliceWeights, sampledGroups(tables!, effort) * blockSize),
    fitted: Math.min(sliceWeights, fittedGroups(tables!, effort) * blockSize),
  };
}

/** Makes the function that fits slices; it uses `backend`'s memory while it runs. */
export function fitWorker(
  setup: WorkerSetup,
  backend: Backend,
  files: WorkerFiles,
): (job: number, slice: number) => Codebook {
  return (index, slice) => {
    const job = setup.jobs[index]!;
    const { tensor, importance } = job;
    const shape = jobShape(job);
    const { rowLength, sliceRows, source } = shape;
    const arena = planFitArena(shape, fitWeights(job, setup.effort).fitted, backend.base + setup.bandBytes);
    const codec = backend.bindCodec(backend.prepare(source.format, tensor.codebooks?.[slice]), arena.sourceCodebook);
    const group = source.layout.rowsPerGroup;
    const layout = group === 1 ? undefined : backend.bindLayout(source.layout, arena.sourceLayoutTable);
    const format = shape.target.format as CodebookFormat;
    const limit = sampledGroups(job.tables!, setup.effort);
    const runs = planSample(sliceRows, rowLength, format.blockSize, limit);

    const sample = new Float32Array(sampleLength(runs));
    const weighting = importance && new Float32Array(sample.length);
    const columns = importance?.subarray(slice * rowLength, (slice + 1) * rowLength);
    const weights = new Float32Array(backend.memory.buffer, arena.weights, group * rowLength);
    let loaded = -1;
    let filled = 0;
    for (const { row, startColumn, columnCount } of runs) {
      const first = row - (row % group);
      if (first !== loaded) {
        const input = backend.memory.subarray(arena.input, arena.input + group * source.rowBytes);
        const sliceStart = slice * sliceRows;
        readTensorRows(setup.files, files.source, tensor, sliceStart + first, sliceStart + first + group, input);
        if (layout !== undefined) backend.unpack(layout, arena.input, arena.inputRowMajor, group, source.rowBytes);
        codec.decode(arena.inputRowMajor, arena.weights, group * rowLength);
        if (!backend.allFinite(arena.weights, group * rowLength)) {
          const at = weights.findIndex((weight) => !Number.isFinite(weight));
          const place = `row ${sliceStart + first + Math.floor(at / rowLength)}, column ${at % rowLength}`;
          throw new QuantizeError("bad-data", `${place}: expected a finite weight, found ${weights[at]}`);
        }
        loaded = first;
      }
      const start = (row - first) * rowLength + startColumn;
      sample.set(weights.subarray(start, start + columnCount), filled);
      weighting?.set(columns!.subarray(startColumn, startColumn + columnCount), filled);
      filled += columnCount;
    }
    return fitCodebook(format, sample, {
      tables: job.tables!,
      levels: levelCount(format, sliceRows * rowLength),
      effort: setup.effort,
      ...(job.tablesFrom === undefined ? {} : { fixedTables: fixedTables(job.tablesFrom)! }),
      steps: backend.fitSteps(arena.stepRoom),
      ...(weighting === undefined ? {} : { importance: weighting }),
    });
  };
}
