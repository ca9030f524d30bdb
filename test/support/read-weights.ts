import { resolveCodec } from "#dist/codecs/registry.js";
import { elementCount, rowCount, type Model } from "#dist/src/read/model.js";
import { closeModelFiles, openModelFiles, readTensorRows, storedBytes } from "#dist/src/read/read-tensor.js";

/** Stored bytes of a whole tensor, in the order the rest of the program sees. */
export function readStored(model: Model, name: string): Uint8Array {
  const tensor = model.tensors.find((tensor) => tensor.name === name);
  if (tensor === undefined) throw new Error(`no tensor ${name}`);
  const fds = openModelFiles(model.files);
  try {
    const out = new Uint8Array(storedBytes(tensor));
    readTensorRows(model.files, fds, tensor, 0, rowCount(tensor.shape), out);
    return out;
  } finally {
    closeModelFiles(fds);
  }
}

/** Weights of a whole tensor that is stored in rows. */
export function readWeights(model: Model, name: string): Float32Array {
  const tensor = model.tensors.find((tensor) => tensor.name === name)!;
  const weights = new Float32Array(elementCount(tensor.shape));
  resolveCodec(tensor.codec).decode(readStored(model, name), weights);
  return weights;
}
