/** Notes of a program on their way to whoever shows progress. */
import type { Phase, RunOptions } from "../engine/run-options.ts";
import type { StepNote } from "../forward/programs/program.types.ts";

/** What to do with the `StepNote`s of a program. */
export function stepProgress({ onProgress }: RunOptions, phase: Phase): (note: unknown) => void {
  return (note) => {
    const { done, of, step } = note as StepNote;
    onProgress?.({
      phase,
      weightsDone: done,
      weightsTotal: of,
      bytesDone: 0,
      bytesTotal: 0,
      tensorsDone: 0,
      tensorsTotal: 0,
      step,
    });
  };
}
