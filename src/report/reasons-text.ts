/** Why tensors became what they are: what fell back, grouped by reason (a model has hundreds, the reasons are few), and rules. */
import type { RuleHits } from "../plan/plan.ts";
import type { Colours } from "../text/colours.ts";
import { formatBytes, formatThings } from "../text/format-number.ts";
import { printable } from "../text/printable.ts";

export interface Reasoned {
  readonly name: string;
  readonly byteLength: number;
  readonly reason: string;
  readonly isFallback: boolean;
}

/** `blk.0.attn_q.weight` and `blk.1.attn_q.weight` are the same place: `blk.*.attn_q.weight`. */
function place(name: string): string {
  return name.replace(/\.\d+\./g, ".*.");
}

/** One line per reason: how many tensors, their bytes, and where they sit. Empty when nothing fell back. */
export function fallbacksText(tensors: readonly Reasoned[], { yellow }: Colours): string {
  const groups = new Map<string, Reasoned[]>();
  for (const tensor of tensors) {
    if (tensor.isFallback) groups.set(tensor.reason, [...(groups.get(tensor.reason) ?? []), tensor]);
  }
  return [...groups]
    .map(([reason, group]) => {
      const bytes = group.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const places = [...new Set(group.map(({ name }) => place(name)))];
      const shown = places.slice(0, 4).join(", ") + (places.length > 4 ? `, ${places.length - 4} more` : "");
      const count = formatThings(group.length, "tensor");
      return `${yellow(printable(reason))}: ${count}, ${formatBytes(bytes)} (${printable(shown)})`;
    })
    .join("\n");
}

/** How often each rule decided, a line each. */
export function rulesText(ruleHits: readonly RuleHits[]): string {
  return ruleHits.map(({ rule, hits }) => `rule ${printable(rule)}: ${formatThings(hits, "tensor")}`).join("\n");
}

/** Warnings of a plan, a line each. */
export function warningsText(warnings: readonly string[], { yellow }: Colours): string {
  return warnings.map((warning) => `${yellow("warning")} ${printable(warning)}`).join("\n");
}
