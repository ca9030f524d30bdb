/** A plan as text. */
import { PLAIN } from "../text/colours.ts";
import { formatBits, formatBytes, formatCount, formatPercent, formatThings } from "../text/format-number.ts";
import { encodingName, encodingsText, shapeText } from "./inspection-text.ts";
import type { PlannedTensor, PlanSummary } from "./plan-summary.ts";
import { fallbacksText, rulesText, warningsText } from "./reasons-text.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

const COLUMNS: readonly Column<PlannedTensor>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  { title: "from", cell: ({ from }) => from, dropOrder: 1 },
  { title: "to", cell: encodingName },
  { title: "shape", cell: ({ shape }) => shapeText(shape), dropOrder: 2 },
  { title: "bytes", cell: ({ byteLength }) => formatBytes(byteLength), align: "right" },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right", dropOrder: 3 },
  { title: "tables", cell: ({ tables }) => (tables === undefined ? "" : String(tables)), align: "right" },
  {
    title: "why",
    cell: ({ reason, hasImportance }) => reason + (hasImportance ? ", importance" : ""),
    shrink: "end",
    minWidth: 12,
    style: (text, { isFallback }, { yellow }) => (isFallback ? yellow(text) : text),
  },
];

/** The plan, for people. */
export function planText(plan: PlanSummary, options: TableOptions = {}): string {
  const colours = options.colours ?? PLAIN;
  const tensors = plan.tensors.some(({ tables }) => tables !== undefined)
    ? COLUMNS
    : COLUMNS.filter(({ title }) => title !== "tables");
  const total =
    `${colours.bold("total")}   ${formatCount(plan.weights)} weights in ${plan.tensors.length} tensors, ` +
    `${formatBits(plan.bitsPerWeight)} bits per weight\n` +
    (plan.mixed === undefined ? "" : `${colours.bold("mixed")}   ${plan.mixed}\n`) +
    `${colours.bold("bytes")}   ${formatBytes(plan.sourceBytes)} -> ${formatBytes(plan.bytes)} ` +
    `(${formatPercent(plan.bytes / plan.sourceBytes)}), as much of disk\n` +
    `${colours.bold("memory")}  up to ${formatBytes(plan.peakMemory)} with ${formatThings(plan.threads, "thread")}`;
  const parts = [
    textTable(tensors, plan.tensors, options),
    encodingsText(plan.encodings, options),
    fallbacksText(plan.tensors, colours),
    rulesText(plan.ruleHits),
    warningsText(plan.warnings, colours),
    total,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
