/**
 * The engine of one run: worker threads and the compiled module. Started before the model is opened, so that threads
 * load (a tenth of a second of CPU each) while headers are read and the plan is made: as many as fit under the memory
 * bound without buffers, of which the plan may end some.
 */
import { availableParallelism } from "node:os";
import { threadsWithin } from "./memory.ts";
import { DEFAULT_MAX_MEMORY, type RunOptions } from "./run-options.ts";
import type { BackendName } from "./worker/backend.ts";
import { compileWasm, hasWasmSimd } from "../wasm/wasm-module.ts";
import { WorkerPool } from "./worker-pool.ts";

export interface Engine {
  readonly pool: WorkerPool;
  readonly backend: BackendName;
  /** Undefined for the scalar backend. */
  readonly module: Promise<WebAssembly.Module | undefined>;
}

/** The wanted one, or `scalar` where the machine has no WebAssembly SIMD. */
function chooseBackend(wanted: BackendName = "wasm"): BackendName {
  return wanted === "wasm" && !hasWasmSimd() ? "scalar" : wanted;
}

function startEngine(options: RunOptions): Engine {
  const { threads = availableParallelism(), maxMemory = DEFAULT_MAX_MEMORY, backend: wanted } = options;
  const backend = chooseBackend(wanted);
  const module = backend === "wasm" ? compileWasm() : Promise.resolve(undefined);
  // A failure is reported where the module is awaited, which an earlier failure may prevent.
  module.catch(() => {});
  return { pool: new WorkerPool(Math.max(1, Math.min(threads, threadsWithin(maxMemory)))), backend, module };
}

/** Runs something with an engine of its own, which ends with it. */
export async function withEngine<T>(options: RunOptions, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = startEngine(options);
  try {
    return await work(engine);
  } finally {
    await engine.pool.close();
  }
}
