/**
 * Types for tensors, so that the model loses least at a given size.
 *
 * Of each tensor it is known what the model loses with it in each type, and how many bytes that takes; losses of tensors
 * are added up. Minimising loss + lambda * bytes for one lambda is a choice for each tensor by itself; a bisection finds
 * the lambda whose choice just fits. What is left of the size goes to the single changes that gain most for their bytes.
 * For every lambda, min(loss + lambda * bytes) - lambda * size is a bound that no choice can be below: the greatest of
 * them says how far from the best the answer can be at most.
 */
import { QuantizeError } from "../errors.ts";

/** Types that a mix is made of when nobody says. */
export const DEFAULT_CANDIDATES: readonly string[] = ["q2_K", "q3_K", "q4_K", "q5_K", "q6_K"];

/** A type that a tensor may get. */
export interface TypeOption {
  readonly codec: string;
  /** Learned tables included. */
  readonly bytes: number;
  /** What the model loses, in any unit. */
  readonly loss: number;
}

export interface TypeMix {
  /** Position of the option that each tensor gets. */
  readonly choices: readonly number[];
  readonly bytes: number;
  readonly loss: number;
  /** No choice of that size loses less than this. */
  readonly bound: number;
}

/** Halvings of the interval that lambda lies in. */
const BISECTIONS = 100;

interface Choice {
  readonly choices: number[];
  readonly bytes: number;
  readonly loss: number;
}

function sumUp(options: readonly (readonly TypeOption[])[], choices: number[]): Choice {
  const total = (value: (option: TypeOption) => number): number =>
    choices.reduce((sum, choice, tensor) => sum + value(options[tensor]![choice]!), 0);
  return { choices, bytes: total(({ bytes }) => bytes), loss: total(({ loss }) => loss) };
}

/** The best choice where a byte costs `lambda`; of equals the smaller. */
function chooseAt(options: readonly (readonly TypeOption[])[], lambda: number): Choice {
  const choices = options.map((own) => {
    const costs = own.map(({ loss, bytes }) => loss + lambda * bytes);
    return own.reduce((best, { bytes }, i) => {
      const isBetter = costs[i]! < costs[best]! || (costs[i] === costs[best] && bytes < own[best]!.bytes);
      return isBetter ? i : best;
    }, 0);
  });
  return sumUp(options, choices);
}

/**
 * @param options of each tensor, at least one each
 * @param maxBytes all tensors together
 * @throws QuantizeError `usage` when not even the smallest types fit
 */
export function mixTypes(options: readonly (readonly TypeOption[])[], maxBytes: number): TypeMix {
  const smallest = sumUp(
    options,
    options.map((own) => own.reduce((best, { bytes }, i) => (bytes < own[best]!.bytes ? i : best), 0)),
  );
  if (smallest.bytes > maxBytes) {
    const [least, most] = [smallest.bytes, maxBytes].map((bytes) => Math.ceil(bytes));
    throw new QuantizeError("usage", `the smallest of the candidates take ${least} bytes, the target leaves ${most}`);
  }
  let bound = 0;
  const tryAt = (lambda: number): Choice => {
    const choice = chooseAt(options, lambda);
    bound = Math.max(bound, choice.loss + lambda * (choice.bytes - maxBytes));
    return choice;
  };
  let best = tryAt(0);
  if (best.bytes > maxBytes) {
    best = smallest;
    const most = Math.max(...options.flat().map(({ loss }) => loss));
    let [low, high] = [0, Math.max(most, Number.MIN_VALUE)];
    for (let step = 0; step < BISECTIONS; step++) {
      const middle = (low + high) / 2;
      const choice = tryAt(middle);
      if (choice.bytes > maxBytes) low = middle;
      else {
        high = middle;
        if (choice.loss <= best.loss) best = choice;
      }
    }
  }
  return { ...fillUp(options, best, maxBytes), bound };
}

/** Spends what is left, change by change, on what gains most for its bytes. */
function fillUp(options: readonly (readonly TypeOption[])[], start: Choice, maxBytes: number): Choice {
  let choice = start;
  for (;;) {
    let best: { readonly tensor: number; readonly option: number; readonly rate: number } | undefined;
    for (const [tensor, own] of options.entries()) {
      const present = own[choice.choices[tensor]!]!;
      for (const [option, other] of own.entries()) {
        const [gain, bytes] = [present.loss - other.loss, other.bytes - present.bytes];
        if (!(gain > 0) || choice.bytes + bytes > maxBytes) continue;
        const rate = bytes <= 0 ? Infinity : gain / bytes;
        if (best === undefined || rate > best.rate) best = { tensor, option, rate };
      }
    }
    if (best === undefined) return choice;
    choice = sumUp(options, choice.choices.with(best.tensor, best.option));
  }
}
