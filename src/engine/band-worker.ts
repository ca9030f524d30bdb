/**
 * What a worker does with a band: chunk by chunk, read the stored bytes, bring them into the target's form, look at
 * what came out, write it at its place.
 *
 *   copy      read -> unweave -> weave -> write                         (nothing, where both layouts are the same)
 *   convert   read -> unweave -> decode -> encode -> weave -> write, then verify what was written:
 *             unweave -> decode -> error sums, kernels on a few rows
 *   compare   read -> unweave -> decode, read the file under test, then verify as above
 */
import { isCodebookFormat } from "../../codecs/registry.ts";
import { QuantizeError } from "../errors.ts";
import { readTensorRows } from "../read/read-tensor.ts";
import { ERROR_SUM_COUNT } from "../verify/error-sums.ts";
import { sampledRows } from "../verify/kernel-check.ts";
import { seededActivations } from "../verify/seeded-activations.ts";
import { xxh64Finish, xxh64Start, XXH64_STATE_BYTES } from "../verify/xxh64.ts";
import { writeAll } from "../write/write-all.ts";
import { isWoven, planArena, type Arena } from "./arena.ts";
import type { Backend, BoundCodec, BoundWeave, ReadyCodec } from "./backend.ts";
import { jobShape, type JobShape } from "./job-shape.ts";
import type { BandResult, BandTask, TensorJob, WorkerSetup } from "./tasks.types.ts";

/** Open files of one worker. */
export interface WorkerFiles {
  readonly source: readonly number[];
  readonly written: readonly number[];
  readonly outputs: readonly number[];
}

/** A job, bound to a worker's memory and to the tables of one slice. */
interface BoundJob {
  readonly job: TensorJob;
  readonly shape: JobShape;
  readonly arena: Arena;
  /** Absent for copies: they need no arithmetic. */
  readonly codecs: { readonly source: BoundCodec; readonly target: BoundCodec } | undefined;
  /**
   * Weights that are no numbers are found afterwards, by their sum of squares. Searches in learned tables must not see
   * them; all other encoders make some block of them.
   */
  readonly findsInSums: boolean;
  readonly sourceWeave: BoundWeave;
  readonly targetWeave: BoundWeave;
  /** Absent where no kernels are run. */
  readonly checkProducts: ReturnType<Backend["bindKernel"]>;
}

/** Codecs of the slices that were worked on last: two tensors may be under way at a time, with source and target. */
const READY_CODECS = 8;

/** Prepares codecs, and keeps the last few. */
function readyCodecs(): (key: string, make: () => ReadyCodec) => ReadyCodec {
  const kept = new Map<string, ReadyCodec>();
  return (key, make) => {
    const ready = kept.get(key) ?? make();
    kept.delete(key);
    kept.set(key, ready);
    if (kept.size > READY_CODECS) kept.delete(kept.keys().next().value!);
    return ready;
  };
}

function bindJob(
  { verify, effort, jobs }: WorkerSetup,
  backend: Backend,
  ready: ReturnType<typeof readyCodecs>,
  { job: index, band, codebook }: BandTask,
): BoundJob {
  const job = jobs[index]!;
  const shape = jobShape(job);
  const arena = planArena(shape, backend.base);
  const { source, target } = shape;
  const sourceBook = job.tensor.codebooks?.[band.slice];
  const targetBook = codebook ?? job.written?.codebooks?.[band.slice];
  const importance = job.importance?.subarray(band.slice * shape.rowLength, (band.slice + 1) * shape.rowLength);
  if (importance !== undefined) {
    new Float32Array(backend.memory.buffer, arena.importance, shape.rowLength).set(importance);
  }
  const key = `${index}/${band.slice}`;
  const codecs = shape.isCopy
    ? undefined
    : {
        source: backend.bindCodec(
          ready(`${key} source`, () => backend.prepare(source.format, sourceBook)),
          arena.sourceTables,
        ),
        target: backend.bindCodec(
          ready(key, () => backend.prepare(target.format, targetBook, shape.isComparison ? undefined : effort)),
          arena.targetTables,
        ),
      };
  const targetWeave = backend.bindWeave(target.weave, arena.targetPlan);
  return {
    job,
    shape,
    arena,
    codecs,
    findsInSums: verify !== "off" && !isCodebookFormat(target.format),
    sourceWeave: backend.bindWeave(source.weave, arena.sourcePlan),
    targetWeave,
    checkProducts:
      verify === "kernels" && codecs !== undefined
        ? backend.bindKernel(
            { weave: targetWeave, codec: codecs.target, codebook: targetBook },
            seededActivations(shape.rowLength),
            arena.kernelRoom,
          )
        : undefined,
  };
}

/** Makes the function that works on bands; it owns `backend`'s memory. */
export function bandWorker(setup: WorkerSetup, backend: Backend, files: WorkerFiles): (task: BandTask) => BandResult {
  const bytes = (address: number, length: number): Uint8Array => backend.memory.subarray(address, address + length);
  const ready = readyCodecs();
  let bound: { readonly key: string; readonly job: BoundJob } | undefined;

  /** Neighbouring bands mostly belong to one slice: tables are prepared once. */
  const bind = (task: BandTask): BoundJob => {
    const key = `${task.job}/${task.band.slice}`;
    if (bound?.key !== key) bound = { key, job: bindJob(setup, backend, ready, task) };
    return bound.job;
  };

  /** Fills `woven` with what the target holds (or shall hold) of rows `[row, row + rows)`. */
  const produce = (task: BoundJob, row: number, rows: number): void => {
    const { job, shape, arena, codecs } = task;
    const { rowLength } = shape;
    const sourceBytes = rows * shape.source.rowBytes;
    readTensorRows(setup.files, files.source, job.tensor, row, row + rows, bytes(arena.stored, sourceBytes));
    backend.addToHash(arena.sourceHash, arena.stored, sourceBytes);
    const isSameWeave = shape.isCopy && job.layout === job.tensor.layout;
    if (isSameWeave) {
      if (arena.woven !== arena.stored)
        backend.memory.copyWithin(arena.woven, arena.stored, arena.stored + sourceBytes);
      return;
    }
    if (isWoven(shape.source)) {
      backend.unpack(task.sourceWeave, arena.stored, arena.unwoven, rows, shape.source.rowBytes);
    }
    if (codecs !== undefined) {
      backend.decode(codecs.source, arena.unwoven, arena.weights, rows * rowLength);
      if (!task.findsInSums && !backend.allFinite(arena.weights, rows * rowLength)) {
        throw notFinite(backend, arena.weights, row, rows, rowLength);
      }
    }
    if (shape.isComparison) {
      const wovenBytes = bytes(arena.woven, rows * shape.target.rowBytes);
      readTensorRows(setup.writtenFiles, files.written, job.written!, row, row + rows, wovenBytes);
      return;
    }
    if (codecs !== undefined) {
      const importance = job.importance === undefined ? 0 : arena.importance;
      backend.encode(codecs.target, arena.weights, arena.encoded, rows, rowLength, importance);
    }
    if (isWoven(shape.target)) {
      backend.pack(task.targetWeave, arena.encoded, arena.woven, rows, shape.target.rowBytes);
    }
  };

  /** Decodes what `woven` holds and adds up how far it is from `weights`. */
  const check = ({ shape, arena, codecs, targetWeave }: BoundJob, row: number, rows: number): void => {
    const { rowLength } = shape;
    if (isWoven(shape.target)) {
      backend.unpack(targetWeave, arena.woven, arena.reread, rows, shape.target.rowBytes);
    }
    backend.decode(codecs!.target, arena.reread, arena.decoded, rows * rowLength);
    backend.addErrorSums(arena.weights, arena.decoded, rows, rowLength, arena.sums);
    const [, weights, decoded] = new Float64Array(backend.memory.buffer, arena.sums, ERROR_SUM_COUNT);
    if (!Number.isFinite(weights)) throw notFinite(backend, arena.weights, row, rows, rowLength);
    if (!Number.isFinite(decoded)) {
      throw notRepresentable(backend, arena, row, rows, rowLength, shape.target.format.name);
    }
  };

  return (task) => {
    const start = performance.now();
    const job = bind(task);
    const { arena, shape } = job;
    xxh64Start(bytes(arena.sourceHash, XXH64_STATE_BYTES));
    xxh64Start(bytes(arena.hash, XXH64_STATE_BYTES));
    const sums = new Float64Array(backend.memory.buffer, arena.sums, ERROR_SUM_COUNT).fill(0);
    const productSums = new Float64Array(backend.memory.buffer, arena.productSums, 2).fill(0);
    const sampleEnd = task.band.startRow + sampledRows(task.index, shape.rowLength);
    const isChecked = !shape.isCopy && setup.verify !== "off";
    for (let row = task.band.startRow; row < task.band.endRow; row += shape.chunkRows) {
      const rows = Math.min(shape.chunkRows, task.band.endRow - row);
      const length = rows * shape.target.rowBytes;
      produce(job, row, rows);
      backend.addToHash(arena.hash, arena.woven, length);
      if (isChecked) check(job, row, rows);
      if (isChecked && row < sampleEnd) {
        job.checkProducts?.(arena.woven, arena.weights, Math.min(rows, sampleEnd - row), arena.productSums);
      }
      const output = files.outputs[job.job.outputFile];
      if (output !== undefined) {
        writeAll(output, bytes(arena.woven, length), job.job.outputOffset + row * shape.target.rowBytes);
      }
    }
    return {
      job: task.job,
      index: task.index,
      rows: task.band.endRow - task.band.startRow,
      sourceHash: xxh64Finish(bytes(arena.sourceHash, XXH64_STATE_BYTES)),
      hash: xxh64Finish(bytes(arena.hash, XXH64_STATE_BYTES)),
      ...(isChecked ? { sums: Array.from(sums) } : {}),
      ...(isChecked && job.checkProducts !== undefined ? { products: Array.from(productSums) } : {}),
      seconds: (performance.now() - start) / 1000,
    };
  };
}

/** The first value that is no number, with its place. */
function notFinite(backend: Backend, address: number, row: number, rows: number, rowLength: number): QuantizeError {
  const weights = new Float32Array(backend.memory.buffer, address, rows * rowLength);
  const at = weights.findIndex((weight) => !Number.isFinite(weight));
  const place = `row ${row + Math.floor(at / rowLength)}, column ${at % rowLength}`;
  return new QuantizeError("bad-data", `${place}: expected a finite weight, found ${weights[at]}`);
}

/** The first finite weight whose block could not hold it. */
function notRepresentable(
  backend: Backend,
  arena: Arena,
  row: number,
  rows: number,
  rowLength: number,
  codec: string,
): QuantizeError {
  const decoded = new Float32Array(backend.memory.buffer, arena.decoded, rows * rowLength);
  const weights = new Float32Array(backend.memory.buffer, arena.weights, rows * rowLength);
  const at = decoded.findIndex((weight) => !Number.isFinite(weight));
  const place = `row ${row + Math.floor(at / rowLength)}, column ${at % rowLength}`;
  return new QuantizeError("bad-data", `${place}: ${weights[at]} is beyond the range of ${codec}`);
}
