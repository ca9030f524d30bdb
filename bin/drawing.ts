/** Drawings of interleaved blocks: in the terminal, as data, as a picture. */
import type { Layout } from "../layouts/layout.ts";
import { drawLayout } from "../src/inspect/draw-layout.ts";
import { drawLayoutSvg } from "../src/inspect/draw-layout-svg.ts";
import { printable } from "../src/text/printable.ts";
import { textSteps, writeAtomically } from "../src/write/atomic-output.ts";
import { hasColours, print, printJson } from "./output.ts";

export interface DrawingFlags {
  readonly svg?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

/** Draws a layout: its fields, and which row and weights each byte belongs to. `json`: the layout as data. */
export async function showDrawing(layout: Layout, flags: DrawingFlags): Promise<void> {
  if (flags.svg !== undefined) {
    await writeAtomically({ path: flags.svg, force: flags.force ?? false }, textSteps(drawLayoutSvg(layout)));
  }
  if (flags.json) {
    const { name, ...rest } = layout;
    return printJson({ layout: name, ...rest });
  }
  const fields = layout.format.fields.map(({ name, bytes, meaning }) => {
    return `${name.padEnd(9)} ${String(bytes).padStart(4)} bytes  ${printable(meaning)}`;
  });
  const color = hasColours(process.stdout, flags.color);
  print(`${fields.join("\n")}\n\n${drawLayout(layout, { color })}`);
}
