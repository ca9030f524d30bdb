/** Drawings of woven blocks: in the terminal, as data, as a picture. */
import { writeFileSync } from "node:fs";
import type { Weave } from "../layouts/layout.ts";
import { drawLayout } from "../src/inspect/draw-layout.ts";
import { drawLayoutSvg } from "../src/inspect/draw-layout-svg.ts";
import { printable } from "../src/text/printable.ts";
import { writeAtomically } from "../src/write/atomic-output.ts";
import { hasColours, print, printJson } from "./output.ts";

export interface DrawingFlags {
  readonly svg?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

/** Draws a weave: its fields, and which row and weights each byte belongs to. */
export async function showDrawing(weave: Weave, flags: DrawingFlags): Promise<void> {
  if (flags.svg !== undefined) {
    const options = { path: flags.svg, inputs: [], force: flags.force ?? false };
    await writeAtomically(options, { write: (path) => writeFileSync(path, drawLayoutSvg(weave)) });
  }
  if (flags.json) return printJson(weave);
  const fields = weave.format.fields.map(({ name, bytes, meaning }) => {
    return `${name.padEnd(9)} ${String(bytes).padStart(4)} bytes  ${printable(meaning)}`;
  });
  const color = hasColours(process.stdout, flags.color);
  print(`${fields.join("\n")}\n\n${drawLayout(weave, { color })}`);
}
