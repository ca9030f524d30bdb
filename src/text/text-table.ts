/** Tables for terminals: aligned columns that fit a width by giving up what matters least. */
import { PLAIN, type Colours } from "./colours.ts";
import { printable, truncateEnd, truncateMiddle } from "./printable.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: "left" | "right";
  /** May be cut when the table is too wide, to `minWidth` before columns are left out; `middle` keeps both ends. */
  readonly shrink?: "middle" | "end";
  readonly minWidth?: number;
  /** Left out when the table is too wide even so, highest number first; absent: never left out. */
  readonly dropOrder?: number;
  /** Colours the padded cell. */
  readonly style?: (text: string, row: Row, colours: Colours) => string;
}

export interface TableOptions {
  /** Columns of the terminal; absent: as wide as it needs to be. */
  readonly width?: number | undefined;
  readonly colours?: Colours;
}

const COLUMN_GAP = "  ";
const MIN_COLUMN_WIDTH = 8;

interface Sized<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  width: number;
}

function totalWidth(columns: readonly { width: number }[]): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + COLUMN_GAP.length * Math.max(0, columns.length - 1);
}

function shrinkTo<Row>(columns: readonly Sized<Row>[], limit: number): readonly Sized<Row>[] {
  let kept = [...columns];
  for (;;) {
    let excess = totalWidth(kept) - limit;
    const shrinkable = kept.filter(({ column }) => column.shrink !== undefined);
    const spare = shrinkable.reduce(
      (sum, c) => sum + Math.max(0, c.width - (c.column.minWidth ?? MIN_COLUMN_WIDTH)),
      0,
    );
    const droppable = kept.filter(({ column }) => column.dropOrder !== undefined);
    if (excess > spare && droppable.length > 0) {
      const worst = droppable.reduce((a, b) => (b.column.dropOrder! > a.column.dropOrder! ? b : a));
      kept = kept.filter((column) => column !== worst);
      continue;
    }
    // Down to what is still well read, and only then to what can be told apart.
    for (const least of [(column: Column<Row>) => column.minWidth ?? MIN_COLUMN_WIDTH, () => MIN_COLUMN_WIDTH]) {
      for (const column of shrinkable) {
        const cut = Math.min(Math.max(0, excess), Math.max(0, column.width - least(column.column)));
        column.width -= cut;
        excess -= cut;
      }
    }
    return kept;
  }
}

/** The table as lines of text, a title line first, without a line break at the end. */
export function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, colours = PLAIN }: TableOptions = {},
): string {
  const sized = columns.map((column): Sized<Row> => {
    const cells = rows.map((row) => printable(column.cell(row)));
    return {
      column,
      cells,
      width: cells.reduce((most, cell) => Math.max(most, [...cell].length), column.title.length),
    };
  });
  const shown = width === undefined ? sized : shrinkTo(sized, width);
  const place = ({ column, width: cellWidth }: Sized<Row>, text: string): string => {
    const cut = column.shrink === "middle" ? truncateMiddle(text, cellWidth) : truncateEnd(text, cellWidth);
    const padding = " ".repeat(Math.max(0, cellWidth - [...cut].length));
    return column.align === "right" ? padding + cut : cut + padding;
  };
  const lines = [
    shown
      .map((column) => colours.bold(place(column, column.column.title)))
      .join(COLUMN_GAP)
      .trimEnd(),
  ];
  for (const [index, row] of rows.entries()) {
    const cells = shown.map((column) => {
      const text = place(column, column.cells[index]!);
      return column.column.style === undefined ? text : column.column.style(text, row, colours);
    });
    lines.push(cells.join(COLUMN_GAP).trimEnd());
  }
  return lines.join("\n");
}
