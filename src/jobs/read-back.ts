/** The last look at what was written: through the reader that every user's file goes through, down to the last byte. */
import { restoreOwnTensors } from "../container/own-tensors.ts";
import { manifestOf, type Manifest } from "../container/manifest.ts";
import { hashTensors } from "../engine/hash-tensors.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { openGgufFiles } from "../read/gguf/open-gguf.ts";
import type { Model, Tensor } from "../read/model.ts";
import { hashCodebooks } from "../verify/codebook-hash.ts";
import { formatHash } from "../verify/xxh64.ts";
import type { OutputSet } from "../write/output-set.ts";

/**
 * Opens the temporary files as a model and holds it against the plan: what cannot be read is not to get a name.
 * @throws QuantizeError `damaged`, and whatever the reader complains of
 */
export async function reopen(plan: Plan, { files }: OutputSet): Promise<Model> {
  const paths = files.map(({ temporaryPath }) => temporaryPath);
  const model = await restoreOwnTensors(openGgufFiles(files[0]!.path, paths));
  await manifestOf(model.metadata, model.path);
  const found = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { tensor, codec, layout, file, byteOffset, byteLength } of plan.tensors) {
    const start = files[file]!.dataStart + byteOffset;
    const expected = placeText({ ...tensor, codec, layout, extents: [{ file, byteOffset: start, byteLength }] });
    const written = found.get(tensor.name);
    if (written !== undefined && placeText(written) === expected) continue;
    const instead = written === undefined ? "none" : placeText(written);
    throw new QuantizeError(
      "damaged",
      `${files[file]!.path}: tensor ${tensor.name}: wrote ${expected}, found ${instead}`,
    );
  }
  return model;
}

/** `q4_K@rows of 256 x 512, 73728 bytes at byte 1024 of file 1` */
function placeText({ codec, layout, shape, extents }: Tensor): string {
  const places = extents.map(({ file, byteOffset, byteLength }) => {
    return `${byteLength} bytes at byte ${byteOffset} of file ${file + 1}`;
  });
  return `${codec}@${layout} of ${shape.join(" x ")}, ${places.join(", ")}`;
}

/**
 * Reads every tensor's bytes from the files, hashes them, and compares with what the workers wrote; learned tables and
 * levels too. Whether they come from the disk or from the system's page cache is the system's choice.
 * @param model from `reopen`
 * @throws QuantizeError `damaged` naming the first tensor whose bytes are others
 */
export async function readBack(
  model: Model,
  { tensors }: Manifest,
  options: RunOptions,
  engine: Engine,
): Promise<void> {
  const expected = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const hashes = await hashTensors(model, "finish", options, engine);
  for (const [i, { name, codebooks }] of model.tensors.entries()) {
    const { hash, codebookHash } = expected.get(name)!;
    requireHash(model, `tensor ${name}`, hash, hashes[i]!);
    if (codebookHash !== undefined) {
      requireHash(model, `learned tables of ${name}`, codebookHash, hashCodebooks(codebooks ?? []));
    }
  }
}

function requireHash({ path }: Model, what: string, expected: string, hash: bigint): void {
  const found = formatHash(hash);
  if (found === expected) return;
  throw new QuantizeError("damaged", `${path}: ${what}: wrote bytes of hash ${expected}, read back ${found}`);
}
