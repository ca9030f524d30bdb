/** Whether two models can be looked at side by side. */
import { QuantizeError } from "../errors.ts";
import type { PreparedModel } from "./prepare-model.ts";

/** @throws QuantizeError `incompatible` for another vocabulary, number of layers, or width of the hidden states */
export function requireSameKind(tested: PreparedModel, base: PreparedModel): void {
  const facts: readonly (readonly [what: string, of: (model: PreparedModel) => number])[] = [
    ["tokens in the vocabulary", ({ weights }) => weights.vocabulary],
    ["layers", ({ hyper }) => hyper.layers],
    ["elements in a hidden state", ({ hyper }) => hyper.width],
  ];
  for (const [what, of] of facts) {
    if (of(tested) === of(base)) continue;
    throw new QuantizeError(
      "incompatible",
      `${tested.model.path}: expected ${of(base)} ${what} as in ${base.model.path}, found ${of(tested)}: ` +
        `the one was not made from the other`,
    );
  }
}
