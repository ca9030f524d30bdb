/** Bytes as hexadecimal, sixteen to a line, with offsets; some of them marked. */
import { PLAIN, type Colours } from "./colours.ts";

export interface HexOptions {
  /** Offset of the first byte. */
  readonly start: number;
  /** Offsets of bytes to mark: in colour, and in brackets where there is none. */
  readonly marked?: ReadonlySet<number>;
  readonly colours?: Colours;
}

const LINE_BYTES = 16;

/** The dump, a line for every sixteen bytes. */
export function hexView(bytes: Uint8Array, { start, marked, colours = PLAIN }: HexOptions): string {
  const width = Math.max(6, String(start + bytes.length).length);
  const lines: string[] = [];
  for (let line = 0; line < bytes.length; line += LINE_BYTES) {
    const cells = [...bytes.subarray(line, line + LINE_BYTES)].map((byte, i) => {
      const hex = byte.toString(16).padStart(2, "0");
      return marked?.has(start + line + i) ? colours.bold(colours.cyan(`[${hex}]`)) : ` ${hex} `;
    });
    lines.push(`${colours.dim(String(start + line).padStart(width))}  ${cells.join("")}`.trimEnd());
  }
  return lines.join("\n");
}
