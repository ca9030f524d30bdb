/** Room for hidden states that wait for their turn, on shared memory or in a temporary file. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StreamPlace } from "../forward/streams.ts";
import { ioError, isSystemError } from "../read/input-file.ts";
import { requireRoom } from "../write/output-path.ts";
import type { PassesPlan } from "./plan-passes.ts";
import type { PreparedModel } from "./prepare-model.ts";

/**
 * Makes room for the states of each model and hands it to `work`; see `withPlaces`.
 * @param rows of all windows
 */
export function withStreams<T>(
  plan: Pick<PassesPlan, "streams" | "diskBytes">,
  models: readonly PreparedModel[],
  rows: number,
  work: (places: readonly StreamPlace[]) => Promise<T>,
): Promise<T> {
  return withPlaces(
    plan,
    models.map(({ hyper }) => rows * hyper.width * 4),
    work,
  );
}

/**
 * Makes room for activations and hands it to `work`; afterwards, and when the process ends early, files are gone. A file
 * has its size at once, so that a full disk is known before the work.
 * @param sizes in bytes, of each place
 * @throws QuantizeError `no-room` when the folder for temporary files (TMPDIR) is too full, `io`
 */
export async function withPlaces<T>(
  { streams, diskBytes }: Pick<PassesPlan, "streams" | "diskBytes">,
  sizes: readonly number[],
  work: (places: readonly StreamPlace[]) => Promise<T>,
): Promise<T> {
  if (streams === "buffer") return work(sizes.map(() => ({ kind: "buffer" })));
  if (streams === "memory") {
    return work(sizes.map((size) => ({ kind: "memory", states: new Float32Array(new SharedArrayBuffer(size)) })));
  }
  requireRoom("hidden states", tmpdir(), diskBytes);
  const folder = makeFolder();
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(
      sizes.map((size, index) => {
        const path = join(folder, `states-${index}`);
        const fd = openSync(path, "wx+");
        ftruncateSync(fd, size);
        closeSync(fd);
        return { kind: "file", path };
      }),
    );
  } finally {
    process.off("exit", remove);
    remove();
  }
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "quantize-"));
  } catch (cause) {
    throw isSystemError(cause) ? ioError(tmpdir(), "cannot hold a temporary file", cause) : cause;
  }
}
