/** Names people mistype: the nearest valid one, and the error that offers it. */
import { QuantizeError } from "../errors.ts";

/**
 * Edits that turn one string into another, ignoring letter case: insertions, deletions, substitutions and swaps of
 * neighbours (Damerau-Levenshtein, optimal string alignment).
 */
export function editDistance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitution = previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) best = Math.min(best, beforePrevious[j - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length]!;
}

/** The valid name nearest to a mistyped one, the first of equals, or undefined when none is near. */
export function nearestName(name: string, valid: Iterable<string>): string | undefined {
  // A third of the letters may be wrong: beyond that a suggestion is a guess that misleads.
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  let best: string | undefined;
  for (const candidate of valid) {
    const distance = editDistance(name.slice(0, 64), candidate);
    if (distance < bestDistance) [bestDistance, best] = [distance, candidate];
  }
  return best;
}

/** No more names than this are listed in a message. */
const MAX_LISTED = 16;

/**
 * The error for a name that does not exist: with the nearest one, those that it is the beginning of, or all.
 * @param kind what was to be named: `scheme`, `layout`, `tensor`, ...
 * @param valid every valid name; listed in full when there are few and none is near
 * @param where the command or option that lists them all, for a long list: `quantize schemes`
 */
export function unknownName(kind: string, name: string, valid: readonly string[], where?: string): QuantizeError {
  const nearest = nearestName(name, valid);
  const beginnings = name === "" ? [] : valid.filter((other) => other.toLowerCase().startsWith(name.toLowerCase()));
  let hint = "";
  if (nearest !== undefined) hint = `; did you mean "${nearest}"?`;
  else if (beginnings.length > 0) hint = `; did you mean one of ${beginnings.slice(0, MAX_LISTED).join(", ")}?`;
  else if (valid.length > 0 && valid.length <= MAX_LISTED) hint = `; expected one of ${valid.join(", ")}`;
  if (where !== undefined) hint += ` (\`${where}\` lists them all)`;
  return new QuantizeError("unknown-name", `unknown ${kind} "${name.slice(0, 64)}"${hint}`);
}
