/** The report of `quantize verify` as text. */
import type { ComparedTensor, VerificationReport } from "../jobs/conversion.types.ts";
import { PLAIN } from "../text/colours.ts";
import { formatBytes, formatCosine, formatDuration, formatError, formatThings } from "../text/format-number.ts";
import { encodingName } from "./inspection-text.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

/** Whether the manifest says something of all that belongs to a tensor. */
const isCovered = ({ manifestHash, codebookHash, manifestCodebookHash }: ComparedTensor): boolean =>
  manifestHash !== undefined && (codebookHash === undefined || manifestCodebookHash !== undefined);

/** What became of the comparison with the manifest. */
function bytesText({ hasManifest, tensors, damaged }: VerificationReport, red: (text: string) => string): string {
  if (!hasManifest) return "no manifest in the file: hashes were not compared";
  if (damaged.length > 0) {
    return red(`${damaged.length} tensors do not match the manifest: ${printable(damaged.join(", "))}`);
  }
  const rest = tensors.filter((tensor) => !isCovered(tensor)).length;
  if (rest === 0) return "every tensor's bytes match the manifest, and all that was learned";
  return `what the manifest says of ${tensors.length} tensors matches; of ${rest} it does not say everything`;
}

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
    cell: (tensor) => (tensor.damage !== undefined ? "DAMAGED" : isCovered(tensor) ? "same" : "-"),
    style: (text, tensor, { red }) => (tensor.damage === undefined ? text : red(text)),
  },
];

/** The verification, for people. */
export function verificationText(report: VerificationReport, options: TableOptions = {}): string {
  const { red } = options.colours ?? PLAIN;
  const columns = report.hasManifest ? COLUMNS : COLUMNS.filter(({ title }) => title !== "manifest");
  const kernels = report.kernelError === undefined ? "" : `, kernels ${formatError(report.kernelError)}`;
  return [
    textTable(columns, report.tensors, options),
    "",
    `error   NMSE ${formatError(report.nmse)}, cosine ${formatCosine(report.cosine)}${kernels}`,
    `bytes   ${bytesText(report, red)}`,
    `time    ${formatDuration(report.seconds)}, ${formatThings(report.threads, "thread")}`,
  ].join("\n");
}
