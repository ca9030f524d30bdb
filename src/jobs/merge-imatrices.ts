/** Several importance files of one model as one. */
import { describeEntry } from "../imatrix/describe-importance.ts";
import { mergeContents, type MergedContent } from "../imatrix/merge-imatrices.ts";
import { readImatrixContent } from "../imatrix/read-imatrix.ts";
import { QuantizeError } from "../errors.ts";
import { withFileLog } from "../read/file-log.ts";
import { withOutput, type TakenOutput } from "../write/atomic-output.ts";
import { writeImatrix } from "../write/write-imatrix.ts";
import type { ImatrixContents, ImatrixOutput, MergeOptions } from "./imatrix.types.ts";

/**
 * Adds up importance files, as `llama-imatrix --in-file` does.
 * @throws QuantizeError `incompatible` for files of different models, `bad-format`, `bad-data`, `io`, `output-exists`
 */
export async function mergeImatrices({ inputs, ...output }: MergeOptions): Promise<ImatrixContents> {
  if (inputs.length === 0) throw new QuantizeError("usage", "no importance files given to merge");
  const { output: path, force = false } = output;
  return withFileLog(() =>
    withOutput({ path, force }, (place) =>
      writeContents(mergeContents(inputs.map(readImatrixContent)), inputs, output, place),
    ),
  );
}

/** Writes a measurement, and says what is in it. */
export async function writeContents(
  content: MergedContent,
  merged: readonly string[],
  { output: path, format = "gguf" }: ImatrixOutput,
  place: TakenOutput,
): Promise<ImatrixContents> {
  const fileBytes = await writeImatrix(place, content, format);
  const { datasets, chunkSize, chunkCount, entries } = content;
  return {
    output: path,
    format,
    fileBytes,
    merged,
    datasets,
    chunkSize,
    chunkCount,
    entries: entries.map(describeEntry),
  };
}
