/** A source that is written to while it is read gives a mixture of two models: noticed before the result has its name. */
import { hashTensors } from "../engine/hash-tensors.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { changedError, changeOf } from "../read/input-file.ts";
import { formatHash } from "../verify/xxh64.ts";
import type { WrittenTensors } from "./conversion-step.ts";

/**
 * Looks at the source's files again: size, inode and time of the last change. Where only attributes or links changed
 * (which a program does too that writes and sets the clock back), everything is read a second time and hashed.
 * @throws QuantizeError `io` naming the file that changed
 */
export async function requireUnchangedSource(
  { plan, results }: Pick<WrittenTensors, "plan" | "results">,
  options: RunOptions,
  engine: Engine,
): Promise<void> {
  const { files } = plan.model;
  const changes = files.map((file) => ({ path: file.path, ...changeOf(file) }));
  const changed = changes.find(({ change }) => change === "changed");
  if (changed !== undefined) throw changedError(changed.path, changed.what);
  const touched = changes.find(({ change }) => change === "touched");
  if (touched === undefined) return;
  const tensors = plan.tensors.map(({ tensor }) => tensor);
  const hashes = await hashTensors({ files, tensors }, "finish", options, engine);
  const other = tensors.findIndex((_, i) => hashes[i] !== results[i]!.sourceHash);
  if (other < 0) return;
  const { name, extents } = tensors[other]!;
  const [was, is] = [formatHash(results[other]!.sourceHash), formatHash(hashes[other]!)];
  throw changedError(files[extents[0]!.file]!.path, `tensor ${name} had hash ${was}, and now ${is}`);
}
