/** What people should know of a calibration, a sentence each. */
import type { CalibratedTensor } from "../calibrate/run-calibration.ts";
import { formatThings } from "../text/format-number.ts";
import type { CalibrationReport } from "./calibration.types.ts";

/** Names some, and says how many more there are. */
function someOf(names: readonly string[]): string {
  const [first] = names;
  return names.length === 1 ? first! : `${first} and ${names.length - 1} more`;
}

/**
 * @param mostColumns columns of a part, where matrices were cut
 * @param cut names of those
 */
export function calibrationWarnings(
  { tensors, divergence, plainDivergence, isKept }: CalibrationReport,
  mostColumns: number,
  cut: readonly string[],
): string[] {
  const warnings: string[] = [];
  if (cut.length > 0) {
    warnings.push(
      `${someOf(cut)}: calibrated in parts of ${mostColumns} columns, since the sums of all do not fit the memory ` +
        `bound; --max-memory with more gives better codes`,
    );
  }
  const scarce = tensors.filter(({ leastTokens, columns, slices }) => slices === 1 && leastTokens < columns);
  if (scarce.length > 0) {
    const [{ leastTokens, columns }] = scarce as [CalibratedTensor];
    warnings.push(
      `${someOf(scarce.map(({ name }) => name))}: ${leastTokens} tokens for ${columns} columns; more text gives better codes`,
    );
  }
  const lonely = tensors.filter(({ scarceSlices }) => scarceSlices > 0);
  if (lonely.length > 0) {
    const [{ scarceSlices, slices, leastTokens }] = lonely as [CalibratedTensor];
    warnings.push(
      `${someOf(lonely.map(({ name }) => name))}: ${scarceSlices} of ${slices} experts saw fewer tokens than they have ` +
        `columns (least: ${formatThings(leastTokens, "token")}) and were filled up with what came to all`,
    );
  }
  if (!isKept) {
    const found = `${divergence.value.toPrecision(3)} against ${plainDivergence.value.toPrecision(3)}`;
    warnings.push(
      `calibrated codes were not better than plain ones on text that was held back (KL ${found}): the plain ones stand`,
    );
  }
  return warnings;
}
