/** The body of a worker thread: set up for each run, then one task after the other, in the order of arrival. */
import { openSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { Program } from "../../forward/programs/program.types.ts";
import { PROGRAMS, type WorkerProgram } from "./programs.ts";
import { joinTeam, stopTeam } from "../../forward/team.ts";
import { closeModelFiles, openModelFiles } from "../../read/read-tensor.ts";
import { bandWorker, type WorkerFiles } from "./band-worker.ts";
import type { Backend } from "./backend.ts";
import { describeFailure, locateFailure } from "./failure.ts";
import { fitWorker } from "./fit-worker.ts";
import { scalarBackend } from "./scalar-backend.ts";
import type { FromWorker, ProgramCall, Task, TaskResult, ToWorker, WorkerSetup } from "./tasks.types.ts";
import { wasmBackend } from "./wasm-backend.ts";

const port = parentPort!;

/** The same function, whose failures say where they happened. */
function located<A extends unknown[], R>(run: (...args: A) => R, where: (...args: A) => string): (...args: A) => R {
  return (...args) => {
    try {
      return run(...args);
    } catch (error) {
      throw locateFailure(error, where(...args));
    }
  };
}

/** The memory of the run before, which serves the next one where it is large enough. */
let kept: { readonly name: WorkerSetup["backend"]; readonly arenaBytes: number; readonly backend: Backend } | undefined;

function backendFor({ backend: name, module, bandBytes, fitBytes }: WorkerSetup): Backend {
  const arenaBytes = bandBytes + fitBytes;
  if (kept?.name === name && kept.arenaBytes >= arenaBytes) return kept.backend;
  // Let go first, so that the collector may take it before both are there.
  kept = undefined;
  const backend = module === undefined ? scalarBackend(new Uint8Array(arenaBytes), 0) : wasmBackend(module, arenaBytes);
  kept = { name, arenaBytes, backend };
  return backend;
}

let openFiles: WorkerFiles = { source: [], written: [], outputs: [] };

function openFilesOf({ files, writtenFiles, outputPaths }: WorkerSetup): WorkerFiles {
  for (const fds of [openFiles.source, openFiles.written, openFiles.outputs]) closeModelFiles(fds);
  openFiles = { source: [], written: [], outputs: [] };
  const source = openModelFiles(files);
  const written = openModelFiles(writtenFiles);
  openFiles = { source, written, outputs: outputPaths.map((path) => openSync(path, "r+")) };
  return openFiles;
}

function runnerOf(setup: WorkerSetup): (task: Task) => TaskResult {
  const backend = backendFor(setup);
  const files = openFilesOf(setup);
  const nameOf = (job: number): string => setup.jobs[job]!.tensor.name;
  const work = located(
    bandWorker(setup, backend, files),
    ({ job, band }) => `tensor ${nameOf(job)}, rows ${band.startRow} to ${band.endRow - 1}`,
  );
  const fit = located(fitWorker(setup, backend, files), (job, slice) => `tensor ${nameOf(job)}, fit of slice ${slice}`);
  return (task) => {
    if (task.kind === "bands") return { kind: "bands", bands: task.bands.map(work) };
    const start = performance.now();
    const codebook = fit(task.job, task.slice);
    const seconds = (performance.now() - start) / 1000;
    return { kind: "fit", fit: { job: task.job, slice: task.slice, codebook, seconds } };
  };
}

/** The default export of a caller's module. */
async function loadProgram(url: string): Promise<WorkerProgram<unknown, unknown>> {
  const { default: program } = (await import(url)) as { readonly default?: unknown };
  if (typeof program === "function") return program as WorkerProgram<unknown, unknown>;
  throw new TypeError(`${url}: expected a function as default export, found ${typeof program}`);
}

/** This thread's part of a program. A member that fails ends the team; those that leave with it have nothing to say. */
async function runProgram({ program: which, setup, module, words, rank, size }: ProgramCall): Promise<FromWorker> {
  const report = (note: unknown): void => port.postMessage({ note } satisfies FromWorker);
  try {
    const team = joinTeam(words, rank, size);
    if ("url" in which) return { programResult: await (await loadProgram(which.url))(setup, team, report) };
    return { programResult: (PROGRAMS[which.name] as Program<unknown, unknown>)(setup, team, module, report) };
  } catch (error) {
    stopTeam(words);
    return { programFailure: describeFailure(error) };
  }
}

/** What cannot be cloned is a failure of the program that returned it. */
function answerProgram(answer: FromWorker): void {
  try {
    port.postMessage(answer);
  } catch (error) {
    port.postMessage({ programFailure: describeFailure(error) } satisfies FromWorker);
  }
}

let run: (task: Task) => TaskResult = () => {
  throw new Error("a task came before the setup");
};

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
  if (message.kind === "program") {
    void runProgram(message.call).then(answerProgram);
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
