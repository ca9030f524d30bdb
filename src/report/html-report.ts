/** The report of a conversion as one HTML page: no scripts, no outside references, fit for an archive or a CI artifact. */
import type { ConversionReport, TensorReport } from "../jobs/conversion.types.ts";
import { inspectCodebooks, type InspectedCodebook } from "../inspect/inspect-codebooks.ts";
import { encodingShares } from "../inspect/inspect-model.ts";
import { hasCodebooks } from "../open/tensor-reader.ts";
import { openModel } from "../open/open-model.ts";
import { conversionFacts } from "./conversion-facts.ts";
import {
  formatBits,
  formatBytes,
  formatCosine,
  formatError,
  formatPercent,
  formatThings,
} from "../text/format-number.ts";
import { encodingName, shapeText } from "./inspection-text.ts";
import { printable } from "../text/printable.ts";

const STYLE = `
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2330; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .15rem .6rem; text-align: left; white-space: nowrap; }
th { border-bottom: 1px solid #98a2b3; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.fallback td { background: #fff4dc; } svg { vertical-align: middle; } .scroll { overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { background: #14181f; color: #d8dee9; } tr.fallback td { background: #3a3016; } }
`;

/** At most this many codebooks are drawn: pages stay small for models with thousands of tensors. */
const MAX_CODEBOOKS = 64;
const BAR_WIDTH = 120;

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return printable(text).replace(/[&<>"]/g, (char) => entities[char]!);
}

function bar(share: number, colour: string): string {
  const width = Math.max(0, Math.min(1, share)) * BAR_WIDTH;
  return `<svg width="${BAR_WIDTH}" height="10"><rect width="${width.toFixed(1)}" height="10" fill="${colour}"/></svg>`;
}

/** Counts as upright bars, one per value. */
function histogramSvg(counts: readonly number[], title: string): string {
  const most = Math.max(1, ...counts);
  const width = Math.max(1, Math.min(12, Math.floor(384 / counts.length)));
  const bars = counts.map((count, i) => {
    const height = (count / most) * 40;
    return `<rect x="${i * width}" y="${(40 - height).toFixed(1)}" width="${Math.max(0.8, width - 1)}" height="${height.toFixed(1)}"/>`;
  });
  const size = `width="${counts.length * width}" height="40"`;
  return `<svg ${size} fill="#4c78a8" role="img"><title>${escape(title)}</title>${bars.join("")}</svg>`;
}

interface HtmlColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly isNumber?: boolean;
}

function table<Row>(
  columns: readonly HtmlColumn<Row>[],
  rows: readonly Row[],
  classOf: (row: Row) => string = () => "",
): string {
  const mark = ({ isNumber }: HtmlColumn<Row>): string => (isNumber ? ' class="n"' : "");
  const head = columns.map((column) => `<th${mark(column)}>${column.title}</th>`).join("");
  const body = rows.map((row) => {
    const cells = columns.map((column) => `<td${mark(column)}>${column.cell(row)}</td>`).join("");
    const name = classOf(row);
    return `<tr${name === "" ? "" : ` class="${name}"`}>${cells}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

function tensorTable(tensors: readonly TensorReport[]): string {
  const worst = Math.max(1e-30, ...tensors.map(({ quality }) => quality?.nmse ?? 0));
  const columns: readonly HtmlColumn<TensorReport>[] = [
    { title: "tensor", cell: ({ name }) => escape(name) },
    { title: "from", cell: ({ from }) => escape(encodingName(from)) },
    { title: "to", cell: ({ to }) => escape(encodingName(to)) },
    { title: "shape", cell: ({ shape }) => shapeText(shape) },
    { title: "bytes", cell: ({ byteLength }) => formatBytes(byteLength), isNumber: true },
    { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), isNumber: true },
    { title: "tables", cell: ({ tables }) => (tables === undefined ? "" : String(tables)), isNumber: true },
    { title: "NMSE", cell: ({ quality }) => formatError(quality?.nmse), isNumber: true },
    { title: "", cell: ({ quality }) => (quality === undefined ? "" : bar(quality.nmse / worst, "#e45756")) },
    { title: "cosine", cell: ({ quality }) => formatCosine(quality?.cosine), isNumber: true },
    { title: "kernel", cell: ({ quality }) => formatError(quality?.kernelError), isNumber: true },
    { title: "why", cell: ({ reason }) => escape(reason) },
  ];
  return table(columns, tensors, ({ isFallback }) => (isFallback ? "fallback" : ""));
}

function codebookTable(codebooks: readonly InspectedCodebook[]): string {
  const columns: readonly HtmlColumn<InspectedCodebook>[] = [
    { title: "tensor", cell: ({ tensor, slice }) => escape(tensor) + (slice > 0 ? `, slice ${slice}` : "") },
    { title: "tables", cell: ({ tableUse }) => histogramSvg(tableUse, "groups per table") },
    { title: "levels", cell: ({ levelUse }) => histogramSvg(levelUse, "groups per scale level") },
    { title: "codes", cell: ({ codeUse }) => histogramSvg(codeUse, "weights per code") },
  ];
  return table(columns, codebooks);
}

async function readCodebooks(path: string): Promise<readonly InspectedCodebook[]> {
  const model = await openModel(path, { onUnknownCut: "note" });
  const found: InspectedCodebook[] = [];
  for (const tensor of model.tensors.filter(hasCodebooks)) {
    if (found.length >= MAX_CODEBOOKS) break;
    found.push(...(await inspectCodebooks(model, tensor)));
  }
  return found.slice(0, MAX_CODEBOOKS);
}

/** The page. Reads the finished output for the histograms of its codebooks. */
export async function htmlReport(report: ConversionReport): Promise<string> {
  const encodings = encodingShares(
    report.tensors.map(({ to, weights, byteLength }) => ({ ...to, weights, byteLength })),
  );
  const codebooks = await readCodebooks(report.output);
  const facts: readonly (readonly [string, string])[] = [
    ["input", report.input],
    ["scheme", report.scheme],
    ...report.ruleHits.map(({ rule, hits }) => ["rule", `${rule}: ${formatThings(hits, "tensor")}`] as const),
    ...conversionFacts(report),
    ["back end", report.backend],
    ["source hash", report.sourceHash],
    ...report.warnings.map((warning) => ["warning", warning] as const),
  ];
  const parts = [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(report.output)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escape(report.output)}</h1>`,
    `<table>${facts.map(([name, text]) => `<tr><th>${name}</th><td>${escape(text)}</td></tr>`).join("\n")}</table>`,
    "<h2>Bytes by type</h2>",
    table(
      [
        { title: "type", cell: (share) => escape(encodingName(share)) },
        { title: "tensors", cell: ({ tensors }) => String(tensors), isNumber: true },
        { title: "bytes", cell: ({ bytes }) => formatBytes(bytes), isNumber: true },
        { title: "of all", cell: ({ share }) => formatPercent(share), isNumber: true },
        { title: "", cell: ({ share }) => bar(share, "#4c78a8") },
      ],
      encodings,
    ),
    "<h2>Tensors</h2>",
    "<p>NMSE is the squared error over the sum of squares, of weights decoded from the written bytes; kernel is the same for products of the integer kernels with seeded activations. Rows with a colour did not get what was asked for.</p>",
    tensorTable(report.tensors),
    ...(codebooks.length === 0
      ? []
      : [
          "<h2>Codebooks</h2><p>How often each table, scale level and code is chosen; an even spread wastes no bits.</p>",
          codebookTable(codebooks),
        ]),
    "</body></html>",
  ];
  return `${parts.join("\n")}\n`;
}
