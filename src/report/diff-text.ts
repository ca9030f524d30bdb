/** The differences between two models as text. */
import type { ManifestDifference, ModelDifference, TensorDifference } from "../jobs/diff-models.ts";
import { PLAIN } from "../text/colours.ts";
import { formatCosine, formatError, formatThings } from "../text/format-number.ts";
import { shapeText } from "./inspection-text.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

const KIND_TEXT: Readonly<Record<TensorDifference["kind"], string>> = {
  same: "same",
  bytes: "other bytes",
  encoding: "other type",
  shape: "other shape",
  "only-a": "only in the first",
  "only-b": "only in the second",
};

const COLUMNS: readonly Column<TensorDifference>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  { title: "what", cell: ({ kind }) => KIND_TEXT[kind] },
  { title: "first", cell: ({ a, shapeA, kind }) => (kind === "shape" ? shapeText(shapeA!) : (a ?? "")) },
  { title: "second", cell: ({ b, shapeB, kind }) => (kind === "shape" ? shapeText(shapeB!) : (b ?? "")) },
  { title: "NMSE", cell: ({ nmse }) => formatError(nmse), align: "right" },
  { title: "cosine", cell: ({ cosine }) => formatCosine(cosine), align: "right", dropOrder: 1 },
];

function manifestText({ kind, parts }: ManifestDifference): string {
  if (kind === "value") return `the manifests differ in ${parts.join(", ")}`;
  return `only the ${kind === "only-a" ? "first" : "second"} has a manifest`;
}

/** The differences, for people. */
export function diffText(difference: ModelDifference, options: TableOptions = {}): string {
  const { bold } = options.colours ?? PLAIN;
  const changed = difference.tensors.filter(({ kind }) => kind !== "same");
  const same = difference.tensors.length - changed.length;
  const metadata = difference.metadata.map(({ key, kind }) => {
    const what = kind === "value" ? "other value" : KIND_TEXT[kind];
    return `${printable(key)}: ${what}`;
  });
  const parts = [
    ...(metadata.length > 0 ? [`${bold("metadata")}\n${metadata.join("\n")}`] : []),
    ...(changed.length > 0 ? [textTable(COLUMNS, changed, options)] : []),
    difference.isSame
      ? `the same: ${formatThings(same, "tensor")} and all metadata`
      : `${formatThings(same, "tensor")} the same, ${changed.length} different`,
    ...(difference.manifest === undefined ? [] : [manifestText(difference.manifest)]),
  ];
  return parts.join("\n\n");
}
