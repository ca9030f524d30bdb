/** Threads with a life: started early, fed with tasks, ended together. */
import { Worker } from "node:worker_threads";
import type { ProgramName, ProgramResult, ProgramSetup } from "./worker/programs.ts";
import { makeTeamWords, stopTeam } from "../forward/team.ts";
import { restoreFailure } from "./worker/failure.ts";
import type { FromWorker, ProgramCall, Task, TaskResult, ToWorker, WorkerSetup } from "./worker/tasks.types.ts";

/** The bundle, named with its folder so that bundles in `src/chunks` find it too. */
const WORKER_URL = new URL("../engine/worker.cjs", import.meta.url);

/** One task runs, one waits: a worker never idles while its answer travels. */
const TASKS_PER_WORKER = 2;

interface Member {
  readonly worker: Worker;
  /** Tasks sent and not answered. */
  load: number;
}

/** A pool serves one job: its workers keep the setup and the open files of a run until the next one, or until `close`. */
export class WorkerPool {
  readonly #members: Member[] = [];
  #broken: unknown;

  /** Starts threads at once, so that they load while the caller still plans. */
  constructor(threads: number) {
    this.#start(threads);
  }

  #start(threads: number): void {
    for (let i = 0; i < threads; i++) {
      const worker = new Worker(WORKER_URL);
      // Until `run` listens, a failure to start is only remembered.
      worker.on("error", (error) => (this.#broken ??= error));
      this.#members.push({ worker, load: 0 });
    }
  }

  get threads(): number {
    return this.#members.length;
  }

  /** Ends threads beyond the first `count`. */
  async shrink(count: number): Promise<void> {
    const surplus = this.#members.splice(count);
    await Promise.all(surplus.map(({ worker }) => worker.terminate()));
  }

  /** Ends all threads, which gives their memory back, and starts others for what comes next. */
  async restart(threads: number): Promise<void> {
    await this.shrink(0);
    this.#start(threads);
  }

  /**
   * Runs tasks until `next` has none left and all are answered.
   * @param next the task to run now; `undefined` when none is ready, or none is left
   * @param onResult called with each answer, after which `next` may know more tasks
   * @throws the first failure, as it was thrown in the worker; or the signal's reason
   */
  async run(
    setup: WorkerSetup,
    next: () => Task | undefined,
    onResult: (result: TaskResult) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    let id = 0;
    const undo: (() => void)[] = [];
    await new Promise<void>((resolve, reject) => {
      const pump = () => {
        for (let load = 0; load < TASKS_PER_WORKER; load++) {
          for (const member of this.#members) {
            if (member.load > load) continue;
            const task = next();
            if (task === undefined) {
              if (this.#members.every((other) => other.load === 0)) resolve();
              return;
            }
            member.load++;
            member.worker.postMessage({ kind: "task", id: id++, task } satisfies ToWorker);
          }
        }
      };
      for (const member of this.#members) {
        const hear = (message: FromWorker): void => {
          member.load--;
          if (!("result" in message)) {
            reject("failure" in message ? restoreFailure(message.failure) : new Error("an answer without a task"));
            return;
          }
          try {
            onResult(message.result);
            pump();
          } catch (error) {
            reject(error);
          }
        };
        const exit = (code: number): void => reject(new Error(`a worker thread ended with code ${code}`));
        member.worker.on("message", hear).on("error", reject).on("exit", exit);
        undo.push(() => member.worker.off("message", hear).off("error", reject).off("exit", exit));
        member.worker.postMessage({ kind: "setup", setup } satisfies ToWorker);
      }
      const abort = (): void => reject(signal!.reason);
      signal?.addEventListener("abort", abort, { once: true });
      undo.push(() => signal?.removeEventListener("abort", abort));
      if (this.#broken !== undefined) reject(this.#broken);
      else pump();
    }).finally(() => undo.forEach((each) => each()));
  }

  /**
   * Lets all threads carry out a program together.
   * @param onNote called with what the program says while it runs
   * @returns what each member found, by rank
   * @throws the first failure of a member, as it was thrown there; or the signal's reason
   */
  runProgram<N extends ProgramName>(
    name: N,
    setup: ProgramSetup<N>,
    module: WebAssembly.Module | undefined,
    onNote: (note: unknown) => void,
    signal?: AbortSignal,
  ): Promise<ProgramResult<N>[]> {
    return this.#runTogether({ program: { name }, setup, ...(module && { module }) }, onNote, signal);
  }

  /** The same with a program of the caller's: the default export of the module at `url`. */
  runModule<Result>(
    url: string,
    setup: unknown,
    onNote: (note: unknown) => void,
    signal?: AbortSignal,
  ): Promise<Result[]> {
    return this.#runTogether({ program: { url }, setup }, onNote, signal);
  }

  async #runTogether<Result>(
    shared: Pick<ProgramCall, "program" | "setup" | "module">,
    onNote: (note: unknown) => void,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    signal?.throwIfAborted();
    const words = makeTeamWords();
    const settled = await new Promise<PromiseSettledResult<Result>[]>((resolve, reject) => {
      // At a signal nobody waits until the members come to their next part: whoever owns the pool ends them.
      const abort = (): void => {
        stopTeam(words);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const answers = this.#members.map(({ worker }, rank) => {
        const call = { ...shared, words, rank, size: this.#members.length };
        return runMember<Result>(worker, call, onNote, () => stopTeam(words));
      });
      if (this.#broken !== undefined) reject(this.#broken);
      void Promise.allSettled(answers)
        .then(resolve)
        .finally(() => signal?.removeEventListener("abort", abort));
    });
    const failures = settled.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as Error] : []));
    const first = failures.find(({ name: kind }) => kind !== "TeamStopped") ?? failures[0];
    if (first !== undefined) throw first;
    return settled.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }

  /** Ends all threads, whatever they are doing. */
  async close(): Promise<void> {
    await this.shrink(0);
  }
}

/** One member's part of a program. @param stop ends the others, who must not wait for a thread that is gone */
function runMember<Result>(
  worker: Worker,
  call: ProgramCall,
  onNote: (note: unknown) => void,
  stop: () => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      worker.off("message", hear).off("error", lose).off("exit", exit);
    };
    const lose = (error: Error): void => {
      done();
      stop();
      reject(error);
    };
    const exit = (code: number): void => lose(new Error(`a worker thread ended with code ${code}`));
    const hear = (message: FromWorker): void => {
      if ("note" in message) onNote(message.note);
      else if ("programResult" in message) {
        done();
        resolve(message.programResult as Result);
      } else if ("programFailure" in message) {
        done();
        reject(restoreFailure(message.programFailure));
      }
    };
    worker.on("message", hear).on("error", lose).on("exit", exit);
    worker.postMessage({ kind: "program", call } satisfies ToWorker);
  });
}
