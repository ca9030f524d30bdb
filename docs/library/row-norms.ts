import { findTensor, openModel, withTensorReader, type WorkerProgram } from "gguf-quantize";

export interface RowNormsSetup {
  readonly path: string;
  readonly tensor: string;
  /** On shared memory: a norm for each row. */
  readonly norms: Float64Array;
}

const ROWS_PER_PART = 64;

const rowNorms: WorkerProgram<RowNormsSetup, number> = async ({ path, tensor: name, norms }, team, report) => {
  const model = await openModel(path);
  let rowsDone = 0;
  await withTensorReader(model, findTensor(model, name), ({ rows, rowLength, weights }) =>
    team.each(Math.ceil(rows / ROWS_PER_PART), (part) => {
      const start = part * ROWS_PER_PART;
      const end = Math.min(rows, start + ROWS_PER_PART);
      for (const [index, weight] of weights(start, end).entries())
        norms[start + Math.floor(index / rowLength)]! += weight * weight;
      for (let row = start; row < end; row++) norms[row] = Math.sqrt(norms[row]!);
      rowsDone += end - start;
      report(`thread ${team.rank}: rows ${start} to ${end}`);
    }),
  );
  return rowsDone;
};

export default rowNorms;
