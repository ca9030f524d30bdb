/** From a plan to the jobs that workers are given: plain data, large arrays on shared memory. */
import { isCodebookFormat, findFormat } from "../../codecs/registry.ts";
import type { Codebook } from "../../codecs/codec.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import type { Tensor } from "../read/model.ts";
import type { TensorJob } from "./worker/tasks.types.ts";

function sharedFloats(values: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}

function sharedCodebook({ tables, levels }: Codebook): Codebook {
  const shared = new Int8Array(new SharedArrayBuffer(tables.byteLength));
  shared.set(tables);
  return { tables: shared, levels: sharedFloats(levels) };
}

/** The tensor, with its learned tables where all threads can read them without a copy. */
export function sharedTensor(tensor: Tensor): Tensor {
  if (tensor.codebooks === undefined) return tensor;
  return { ...tensor, codebooks: tensor.codebooks.map(sharedCodebook) };
}

/** @param dataStarts position of the data section in each output file */
export function jobsOf(plan: Plan, dataStarts: readonly number[]): TensorJob[] {
  return plan.tensors.map((planned) => {
    const { tensor, codec, layout, tables, tablesFrom, importance, file, byteOffset } = planned;
    const format = findFormat(codec);
    const isFitted = format !== undefined && isCodebookFormat(format) && !isCopy(planned);
    return {
      tensor: sharedTensor(tensor),
      codec,
      layout,
      outputFile: file,
      outputOffset: dataStarts[file]! + byteOffset,
      ...(isFitted ? { tables: tables! } : {}),
      ...(isFitted && tablesFrom !== undefined ? { tablesFrom } : {}),
      ...(importance === undefined ? {} : { importance: sharedFloats(importance) }),
    };
  });
}
