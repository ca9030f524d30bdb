/** A measurement of importance as text: what is in the file, and what was hardly seen. */
import type { EntryDescription } from "../imatrix/describe-importance.ts";
import type { ImatrixContents, ImatrixReport } from "../jobs/imatrix.types.ts";
import { PLAIN } from "../text/colours.ts";
import { formatBytes, formatDuration, formatInteger, formatThings } from "../text/format-number.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";
import { warningsText } from "./reasons-text.ts";

const count = (value: number): string => (value === 0 ? "" : formatInteger(value));

const COLUMNS: readonly Column<EntryDescription>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  { title: "columns", cell: ({ columns }) => formatInteger(columns), align: "right", dropOrder: 1 },
  { title: "experts", cell: ({ slices }) => (slices === 1 ? "" : formatInteger(slices)), align: "right" },
  { title: "least tokens", cell: ({ leastTokens }) => formatInteger(leastTokens), align: "right" },
  { title: "never used", cell: ({ unseenSlices }) => count(unseenSlices), align: "right" },
  { title: "hardly used", cell: ({ rareSlices }) => count(rareSlices), align: "right" },
  { title: "zero columns", cell: ({ zeroColumns }) => count(zeroColumns), align: "right" },
  { title: "faint columns", cell: ({ faintColumns }) => count(faintColumns), align: "right" },
];

const isRemarkable = ({ unseenSlices, rareSlices, zeroColumns, faintColumns }: EntryDescription): boolean =>
  unseenSlices + rareSlices + zeroColumns + faintColumns > 0;

/** The measurement, for people: tensors with something to say, then the sums. */
export function imatrixText(report: ImatrixContents | ImatrixReport, options: TableOptions = {}): string {
  const { entries, datasets, merged, chunkCount, chunkSize, output, fileBytes } = report;
  const remarkable = entries.filter(isRemarkable);
  const hasExperts = remarkable.some(({ slices }) => slices > 1);
  const shown = hasExperts
    ? COLUMNS
    : COLUMNS.filter(({ title }) => !["experts", "never used", "hardly used"].includes(title));
  const facts: (readonly [string, string])[] = [
    [
      "tensors",
      `${entries.length}, ${remarkable.length === 0 ? "every column of all was used" : `${remarkable.length} with columns or experts that were hardly used`}`,
    ],
    ["texts", datasets.join(", ")],
    ["chunks", `${formatInteger(chunkCount)} of ${chunkSize} tokens`],
    ...(merged.length === 0 ? [] : [["merged", merged.join(", ")] as const]),
    ...("seconds" in report
      ? [["time", `${formatDuration(report.seconds)}, ${formatThings(report.threads, "thread")}`] as const]
      : []),
    ["output", `${output}, ${formatBytes(fileBytes)}`],
  ];
  const parts = [
    remarkable.length === 0 ? "" : textTable(shown, remarkable, options),
    "warnings" in report ? warningsText(report.warnings, options.colours ?? PLAIN) : "",
    facts.map(([title, text]) => `${title.padEnd(7)} ${printable(text)}`).join("\n"),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
