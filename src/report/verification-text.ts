/** The report of `quantize verify` as text. */
import type { ComparedTensor, VerificationReport } from "../jobs/conversion.types.ts";
import { PLAIN } from "../text/colours.ts";
import { formatBytes, formatCosine, formatDuration, formatError, formatThings } from "../text/format-number.ts";
import { encodingName } from "./inspection-text.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

const isDamaged = ({ hash, manifestHash }: ComparedTensor): boolean =>
  manifestHash !== undefined && manifestHash !== hash;

const COLUMNS: readonly Column<ComparedTensor>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  { title: "against", cell: ({ against }) => encodingName(against), dropOrder: 1 },
  { title: "type", cell: ({ encoding }) => encodingName(encoding) },
  { title: "bytes", cell: ({ byteLength }) => formatBytes(byteLength), align: "right", dropOrder: 2 },
  { title: "NMSE", cell: ({ quality }) => formatError(quality.nmse), align: "right" },
  { title: "cosine", cell: ({ quality }) => formatCosine(quality.cosine), align: "right", dropOrder: 3 },
  { title: "kernel", cell: ({ quality }) => formatError(quality.kernelError), align: "right" },
  {
    title: "manifest",
    cell: (tensor) => (tensor.manifestHash === undefined ? "-" : isDamaged(tensor) ? "DAMAGED" : "same"),
    style: (text, tensor, { red }) => (isDamaged(tensor) ? red(text) : text),
  },
];

/** The verification, for people. */
export function verificationText(report: VerificationReport, options: TableOptions = {}): string {
  const { red } = options.colours ?? PLAIN;
  const columns = report.hasManifest ? COLUMNS : COLUMNS.filter(({ title }) => title !== "manifest");
  const kernels = report.kernelError === undefined ? "" : `, kernels ${formatError(report.kernelError)}`;
  const bytes = !report.hasManifest
    ? "no manifest in the file: hashes were not compared"
    : report.damaged.length === 0
      ? "every tensor's bytes match the manifest"
      : red(`${report.damaged.length} tensors do not match the manifest: ${printable(report.damaged.join(", "))}`);
  return [
    textTable(columns, report.tensors, options),
    "",
    `error   NMSE ${formatError(report.nmse)}, cosine ${formatCosine(report.cosine)}${kernels}`,
    `bytes   ${bytes}`,
    `time    ${formatDuration(report.seconds)}, ${formatThings(report.threads, "thread")}`,
  ].join("\n");
}
