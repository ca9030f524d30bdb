/** Quality bounds: which tensors miss them, and the error that says so. */
import { QuantizeError } from "../errors.ts";
import type { Quality, QualityBudget } from "./quality.types.ts";

/** At most this many tensors are named. */
const MAX_NAMED = 5;

/**
 * @param report kept as the error's cause, so that callers can show what was measured
 * @throws QuantizeError `budget` naming the tensors that miss a bound
 */
export function requireQuality(
  tensors: readonly { readonly name: string; readonly quality?: Quality }[],
  { maxNmse = Infinity, minCosine = -Infinity }: QualityBudget,
  report: unknown,
): void {
  // Written so that a NaN misses its bound.
  const missed = tensors.flatMap(({ name, quality }) => {
    if (quality === undefined) return [];
    if (!(quality.nmse <= maxNmse)) return [`${name}: NMSE ${quality.nmse.toPrecision(4)}, at most ${maxNmse} allowed`];
    if (!(quality.cosine >= minCosine)) {
      return [`${name}: cosine ${quality.cosine.toFixed(6)}, at least ${minCosine} required`];
    }
    return [];
  });
  if (missed.length === 0) return;
  const rest = missed.length > MAX_NAMED ? `; and ${missed.length - MAX_NAMED} more` : "";
  throw new QuantizeError("budget", missed.slice(0, MAX_NAMED).join("; ") + rest, { cause: report });
}
