/** An interleaved block as an SVG picture: a cell for every run of bytes, coloured by row, turns under each other. */
import { groupBlockBytes } from "../../layouts/pack.ts";
import type { Layout } from "../../layouts/layout.ts";
import { layoutTurns, type LayoutCell } from "./layout-cells.ts";

/** Sixteen colours of equal lightness, readable under black text. */
const rowColour = (row: number, rows: number): string => `hsl(${Math.round((360 * row) / rows)} 60% 78%)`;

const CELL_WIDTH = 84;
const CELL_HEIGHT = 26;
const LABEL_WIDTH = 64;
const TOP = 56;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

function cellSvg(cell: LayoutCell, x: number, y: number, width: number, rows: number): string {
  const { row, byteOffset, bytes, field } = cell;
  const span = bytes === 1 ? `${byteOffset}` : `${byteOffset}-${byteOffset + bytes - 1}`;
  const owner = row === undefined ? "all rows" : `row ${row}`;
  const fill = row === undefined ? "#ddd" : rowColour(row, rows);
  return (
    `<g><title>${escape(`${owner}, ${field}, bytes ${span}`)}</title>` +
    `<rect x="${x}" y="${y}" width="${width}" height="${CELL_HEIGHT}" fill="${fill}" stroke="#fff"/>` +
    `<text x="${x + width / 2}" y="${y + 17}" text-anchor="middle">${span}</text></g>`
  );
}

/** The picture, a whole SVG document. */
export function drawLayoutSvg(layout: Layout): string {
  const { format, name, rowsPerGroup } = layout;
  const turns = layoutTurns(layout);
  const width = LABEL_WIDTH + CELL_WIDTH * rowsPerGroup + 360;
  const height = TOP + CELL_HEIGHT * turns.length + 16;
  const heading = `${format.name} in layout ${name}: ${rowsPerGroup} x ${format.blockSize} weights in ${groupBlockBytes(layout)} bytes`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="22" font-size="15" font-weight="600">${escape(heading)}</text>`,
    ...Array.from(
      { length: rowsPerGroup },
      (_, row) =>
        `<text x="${LABEL_WIDTH + CELL_WIDTH * (row + 0.5)}" y="${TOP - 8}" text-anchor="middle">row ${row}</text>`,
    ),
  ];
  turns.forEach(({ field, cells, content, xor }, index) => {
    const y = TOP + CELL_HEIGHT * index;
    const cellWidth = (CELL_WIDTH * rowsPerGroup) / cells.length;
    if (field !== turns[index - 1]?.field) parts.push(`<text x="8" y="${y + 17}">${escape(field)}</text>`);
    cells.forEach((cell, at) => parts.push(cellSvg(cell, LABEL_WIDTH + cellWidth * at, y, cellWidth, rowsPerGroup)));
    const note = xor === 0 ? content : `${content}, XOR 0x${xor.toString(16)}`;
    parts.push(`<text x="${LABEL_WIDTH + CELL_WIDTH * rowsPerGroup + 10}" y="${y + 17}">${escape(note)}</text>`);
  });
  return `${parts.join("\n")}\n</svg>\n`;
}
