/**
 * Drawings of an interleaved block for the terminal, made from the same data that packs it.
 *
 *   drawBlock   a byte a character: the digit (and colour) says whose byte it is
 *   drawTurns   a table: which bytes each row has in each turn, and which weights they hold
 *   drawHex     the bytes of one block, a line per field or turn, coloured by row
 */
import { groupBlockBytes } from "../../layouts/pack.ts";
import type { Layout } from "../../layouts/layout.ts";
import { layoutTurns, turnsByField, type LayoutCell, type LayoutTurn } from "./layout-cells.ts";

export interface DrawOptions {
  /** Colour by row; the caller knows of NO_COLOR and whether this is a terminal. Default false. */
  readonly color?: boolean;
}

/** Foreground colours that stay apart on light and dark ground; rows beyond twelve start over. */
const ROW_COLOURS = [36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91];

/** Turns of one field that are drawn before the rest is counted only. */
const SHOWN_TURNS = 8;

function paint(text: string, row: number | undefined, color: boolean | undefined): string {
  if (color !== true || row === undefined) return text;
  return `\u001b[${ROW_COLOURS[row % ROW_COLOURS.length]}m${text}\u001b[39m`;
}

const digit = (row: number | undefined): string => (row === undefined ? "*" : row.toString(36));

/** `q4_0 in layout 4x8: 4 rows x 32 weights in 72 bytes`. */
function title({ format, name, rowsPerGroup }: Layout, bytes: number): string {
  const rows = rowsPerGroup === 1 ? "1 row" : `${rowsPerGroup} rows`;
  return `${format.name} in layout ${name}: ${rows} x ${format.blockSize} weights in ${bytes} bytes`;
}

/** Turns by field; all but the first few of a long field are left out and counted. */
function shownTurns(layout: Layout): readonly (LayoutTurn | number)[] {
  return turnsByField(layout).flatMap((all): readonly (LayoutTurn | number)[] =>
    all.length <= SHOWN_TURNS + 1 ? all : [...all.slice(0, SHOWN_TURNS), all.length - SHOWN_TURNS],
  );
}

/** Lines of `offset field bytes`, long lines broken after `lineBytes`. */
function blockLines(cells: readonly LayoutCell[], label: string, options: DrawOptions): string[] {
  const lineBytes = 64;
  const lines: string[] = [];
  let line = "";
  let used = 0;
  let start = cells[0]!.byteOffset;
  const flush = (): void => {
    lines.push(`${String(start).padStart(6)}  ${(lines.length === 0 ? label : "").padEnd(7)} ${line.trimEnd()}`);
    line = "";
    used = 0;
  };
  for (const cell of cells) {
    for (let rest = cell.bytes; rest > 0;) {
      if (used === lineBytes) {
        flush();
        start = cell.byteOffset + cell.bytes - rest;
      }
      const take = Math.min(rest, lineBytes - used);
      line += paint(digit(cell.row).repeat(take), cell.row, options.color);
      used += take;
      rest -= take;
    }
    // A gap between runs of four bytes or more: shorter ones read as a texture.
    if (cell.bytes >= 4) line += " ";
  }
  flush();
  return lines;
}

/** Long fields repeat one pattern: their first lines, and how many more there are. */
function shownLines(lines: readonly string[]): readonly string[] {
  const shown = 4;
  if (lines.length <= shown + 1) return lines;
  return [...lines.slice(0, shown), `                ... and ${lines.length - shown} lines more`];
}

/** The interleaved block as a strip of bytes, each shown as the row it belongs to (`*`: bits of all rows mixed). */
export function drawBlock(layout: Layout, options: DrawOptions = {}): string {
  const lines = [title(layout, groupBlockBytes(layout)), "  byte  field   one character a byte: the row it belongs to"];
  for (const turns of turnsByField(layout)) {
    const cells = turns.flatMap((turn) => turn.cells);
    lines.push(...shownLines(blockLines(cells, turns[0]!.field, options)));
  }
  return lines.join("\n");
}

/** Which bytes each row has in each turn, and which of its weights they hold. */
export function drawTurns(layout: Layout, options: DrawOptions = {}): string {
  const { rowsPerGroup } = layout;
  const span = ({ byteOffset, bytes }: LayoutCell): string =>
    bytes === 1 ? `${byteOffset}` : `${byteOffset}-${byteOffset + bytes - 1}`;
  const width = Math.max(5, 2 * String(groupBlockBytes(layout)).length + 1) + 1;
  const rows = Array.from({ length: rowsPerGroup }, (_, row) => paint(`row ${row}`.padEnd(width), row, options.color));
  const lines = [`field   ${rows.join("")} holds`];
  let previous = "";
  for (const turn of shownTurns(layout)) {
    if (typeof turn === "number") {
      lines.push(`        ... and ${turn} turns more`);
      continue;
    }
    const cells = turn.cells.map((cell) => paint(span(cell).padEnd(width), cell.row, options.color)).join("");
    const filler = " ".repeat(width * (rowsPerGroup - turn.cells.length));
    const xor = turn.xor === 0 ? "" : `, XOR 0x${turn.xor.toString(16)}`;
    const label = turn.field === previous ? "" : turn.field;
    lines.push(`${label.padEnd(7)} ${cells}${filler} ${turn.content}${xor}`);
    previous = turn.field;
  }
  return lines.join("\n");
}

/**
 * The bytes of one interleaved block, a line for every turn.
 * @param bytes the block, `groupBlockBytes(layout)` bytes
 * @param start offset that is shown for the first byte
 * @throws RangeError when the block is not whole
 */
export function drawHex(layout: Layout, bytes: Uint8Array, start = 0, options: DrawOptions = {}): string {
  const size = groupBlockBytes(layout);
  if (bytes.length !== size) throw new RangeError(`${bytes.length} bytes of a block, expected ${size}`);
  const lines: string[] = [];
  let previous = "";
  for (const { field, cells } of layoutTurns(layout)) {
    const pairs = cells.flatMap(({ row, byteOffset, bytes: count }) =>
      Array.from({ length: count }, (_, index) => ({ row, byte: bytes[byteOffset + index]! })),
    );
    for (let at = 0; at < pairs.length; at += 32) {
      const hex = pairs
        .slice(at, at + 32)
        .map(({ row, byte }) => paint(byte.toString(16).padStart(2, "0"), row, options.color));
      const offset = String(start + cells[0]!.byteOffset + at).padStart(8);
      lines.push(`${offset}  ${(field === previous ? "" : field).padEnd(7)} ${hex.join(" ")}`);
      previous = field;
    }
  }
  return lines.join("\n");
}

/** Strip and table, one under the other. */
export function drawLayout(layout: Layout, options: DrawOptions = {}): string {
  return `${drawBlock(layout, options)}\n\n${drawTurns(layout, options)}`;
}
