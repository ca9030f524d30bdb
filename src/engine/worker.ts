/** The body of a worker thread: set up once, then one task after the other, in the order of arrival. */
import { openSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { openModelFiles } from "../read/read-tensor.ts";
import { bandWorker } from "./band-worker.ts";
import { describeFailure, locateFailure } from "./failure.ts";
import { scalarBackend } from "./scalar-backend.ts";
import type { BandTask, FromWorker, Task, TaskResult, ToWorker, WorkerSetup } from "./tasks.types.ts";
import { wasmBackend } from "./wasm-backend.ts";

function runnerOf(setup: WorkerSetup): (task: Task) => TaskResult {
  const backend =
    setup.module === undefined
      ? scalarBackend(new Uint8Array(setup.arenaBytes), 0)
      : wasmBackend(setup.module, setup.arenaBytes);
  const work = bandWorker(setup, backend, {
    source: openModelFiles(setup.files),
    written: openModelFiles(setup.writtenFiles),
    output: setup.outputPath === undefined ? undefined : openSync(setup.outputPath, "r+"),
  });
  const located = (task: BandTask) => {
    try {
      return work(task);
    } catch (error) {
      const { name } = setup.jobs[task.job]!.tensor;
      throw locateFailure(error, `tensor ${name}, rows ${task.band.startRow} to ${task.band.endRow - 1}`);
    }
  };
  return (task) => {
    if (task.kind === "fit") throw new Error("no codebook formats yet");
    return { kind: "bands", bands: task.bands.map(located) };
  };
}

let run: (task: Task) => TaskResult = () => {
  throw new Error("a task came before the setup");
};

const port = parentPort!;
port.on("message", (message: ToWorker) => {
  if (message.kind === "setup") {
    const { setup } = message;
    // The files are opened with the first task, so that a failure to do so belongs to one.
    run = (task) => {
      run = runnerOf(setup);
      return run(task);
    };
    return;
  }
  const { id } = message;
  let answer: FromWorker;
  try {
    answer = { id, result: run(message.task) };
  } catch (error) {
    answer = { id, failure: describeFailure(error) };
  }
  port.postMessage(answer);
});
