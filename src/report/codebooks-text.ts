/** Learned tables as text: what was learned, and histograms of what is chosen. */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import type { InspectedCodebook } from "../inspect/inspect-codebooks.ts";
import { PLAIN } from "../text/colours.ts";
import { formatBits, formatFloat32, formatInteger, formatPercent } from "../text/format-number.ts";
import { printable } from "../text/printable.ts";
import type { TableOptions } from "../text/text-table.ts";

const LEVELS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const HISTOGRAM_WIDTH = 64;
const SHOWN_TABLES = 8;

/** A row of bars, at most 64, neighbours summed when there are more values. Zero is a blank. */
export function histogram(counts: readonly number[]): string {
  const perBar = Math.ceil(counts.length / HISTOGRAM_WIDTH);
  const bars: number[] = [];
  for (let i = 0; i < counts.length; i += perBar) {
    bars.push(counts.slice(i, i + perBar).reduce((sum, count) => sum + count, 0));
  }
  const most = Math.max(1, ...bars);
  return bars.map((count) => LEVELS[count === 0 ? 0 : Math.max(1, Math.round((count / most) * 8))]).join("");
}

function tableText(codebook: InspectedCodebook, table: number, dimension: number): string {
  const { tables, tableLength, tableUse, groups } = codebook;
  const entries = tables.slice(table * tableLength, (table + 1) * tableLength);
  const points = tableLength / dimension;
  const text =
    dimension === 1
      ? entries.map((entry) => String(entry).padStart(4)).join("")
      : entries
          .slice(0, points)
          .map((x, i) => ` (${x},${entries[points + i]})`)
          .join("");
  return `  table ${String(table).padStart(3)} ${formatPercent(tableUse[table]! / groups).padStart(6)} ${text}`;
}

/** One codebook, for people: the most used tables, and how tables, levels and codes are used. */
export function codebookText(codebook: InspectedCodebook, options: TableOptions = {}): string {
  const { bold, dim } = options.colours ?? PLAIN;
  const { dimension } = findFormat(codebook.codec) as CodebookFormat;
  const { levels, tableUse, levelUse, codeUse, tableCount } = codebook;
  const byUse = [...tableUse.keys()].sort((a, b) => tableUse[b]! - tableUse[a]! || a - b);
  const magnitudes = levels.map(Math.abs);
  const usage = (title: string, counts: readonly number[], entropy: number): string =>
    `  ${title.padEnd(6)} |${histogram(counts)}| ${counts.filter((c) => c > 0).length} of ${counts.length} used, ` +
    `${formatBits(entropy)} of ${formatBits(Math.log2(counts.length))} bits`;
  return [
    `${bold(printable(codebook.tensor))} ${codebook.codec}${codebook.slice > 0 ? `, slice ${codebook.slice}` : ""}: ` +
      `${tableCount} tables of ${codebook.tableLength}, ${levels.length} levels, ${formatInteger(codebook.groups)} groups`,
    `  levels from ${formatFloat32(Math.min(...magnitudes))} to ${formatFloat32(Math.max(...magnitudes))} in size, ` +
      `${levels.filter((level) => level < 0).length} negative`,
    usage("tables", tableUse, codebook.tableEntropy),
    usage("levels", levelUse, codebook.levelEntropy),
    usage("codes", codeUse, codebook.codeEntropy),
    ...byUse.slice(0, SHOWN_TABLES).map((table) => tableText(codebook, table, dimension)),
    ...(tableCount > SHOWN_TABLES ? [dim(`  ... ${tableCount - SHOWN_TABLES} more tables: --json lists all`)] : []),
  ].join("\n");
}
