import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { findFormat } from "#dist/codecs/registry.js";
import { locate } from "#dist/layouts/locate.js";
import { findLayout } from "#dist/layouts/registry.js";
import { layoutsFor, TARGETS } from "#dist/layouts/targets.js";
import { drawLayout } from "#dist/src/inspect/draw-layout.js";

const PATH = new URL("../../docs/layouts.md", import.meta.url);
const page = readFileSync(PATH, "utf8");

/** The page with every drawing made anew. `UPDATE_DOCS=1` writes it. */
function redrawn(): string {
  return page.replaceAll(
    /<!-- drawing: (\S+) (\S+) -->\n(?:\n```\n[\s\S]*?```\n)?/g,
    (_, codec: string, layout: string) =>
      `<!-- drawing: ${codec} ${layout} -->\n\n\`\`\`\n${drawLayout(findLayout(findFormat(codec)!, layout)!)}\n\`\`\`\n`,
  );
}

test("the drawings of docs/layouts.md are those of the inspector", () => {
  const drawn = redrawn();
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PATH, drawn);
  else expect(page).toBe(drawn);
});

test("weight (5, 40) is where the page says", () => {
  const { parts } = locate(findLayout(findFormat("q4_0")!, "4x8")!, 36, 5, 40);
  expect(parts[0]).toMatchObject({ field: "qs", byteOffset: 264, bit: 0, bits: 4 });
});

test("the table of processors says what auto takes", () => {
  const columns = ["dotprod", "i8mm", "sve256", "avx2", "avx512"];
  const lines = page.split("\n").filter((line) => /^\| (q|iq4_nl)/.test(line));
  let rows = 0;
  for (const line of lines) {
    const [types, ...cells] = line
      .slice(2, -2)
      .split("|")
      .map((cell) => cell.trim());
    if (cells.length !== columns.length) continue;
    rows++;
    for (const type of types!.split(", "))
      for (const [index, feature] of columns.entries()) {
        const format = findFormat(type === "codebooks" ? "q4_cb" : type)!;
        const target = TARGETS.find(({ name }) => name === feature)!;
        const layouts = layoutsFor(target, format);
        const said = layouts.length === 0 ? "rows" : layouts.join(", else ");
        expect(`${type} ${feature}: ${cells[index]}`).toBe(`${type} ${feature}: ${said}`);
      }
  }
  expect(rows).toBe(7);
});
