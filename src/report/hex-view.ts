/** Bytes as hexadecimal, field by field, sixteen to a line, with offsets; some of them marked. */
import { PLAIN, type Colours } from "../text/colours.ts";

export interface HexOptions {
  /** Offset of the first byte. */
  readonly start: number;
  /** Runs of bytes that begin a line of their own, with names. */
  readonly fields: readonly { readonly field: string; readonly byteOffset: number; readonly bytes: number }[];
  /** Offsets of bytes to mark: in brackets, and in colour where there is some. */
  readonly marked?: ReadonlySet<number>;
  readonly colours?: Colours;
}

const LINE_BYTES = 16;

/** The dump: offset, field, and up to sixteen bytes a line. */
export function hexView(bytes: Uint8Array, { start, fields, marked, colours = PLAIN }: HexOptions): string {
  const width = Math.max(6, String(start + bytes.length).length);
  const nameWidth = fields.reduce((most, { field }) => Math.max(most, field.length), 0);
  return fields
    .flatMap(({ field, byteOffset, bytes: length }) =>
      Array.from({ length: Math.ceil(length / LINE_BYTES) }, (_, line) => {
        const from = byteOffset + line * LINE_BYTES;
        const to = Math.min(from + LINE_BYTES, byteOffset + length);
        const cells = [...bytes.subarray(from, to)].map((byte, i) => {
          const hex = byte.toString(16).padStart(2, "0");
          return marked?.has(start + from + i) ? colours.bold(colours.cyan(`[${hex}]`)) : ` ${hex} `;
        });
        const name = (line === 0 ? field : "").padEnd(nameWidth);
        return `${colours.dim(String(start + from).padStart(width))}  ${name} ${cells.join("")}`.trimEnd();
      }),
    )
    .join("\n");
}
