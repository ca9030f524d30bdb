/** The front matter of a model card: YAML between two lines of hyphens at the beginning of `README.md`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readWholeFile } from "../../input-file.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import { decodeText } from "../../lossless-utf8.ts";

/** Longest model card: real ones have up to 200 KB. */
const MAX_CARD_BYTES = 1 << 24;

/** What a card says of a model, and a note when its front matter cannot be read: nothing depends on it. */
export interface ModelCard {
  readonly values: JsonObject;
  readonly note?: string;
}

/** Reads the card of a folder; empty when it has none. YAML is loaded only for one. */
export async function readModelCard(folder: string): Promise<ModelCard> {
  const path = join(folder, "README.md");
  if (!existsSync(path)) return { values: {} };
  const lines = decodeText(readWholeFile(path, MAX_CARD_BYTES)).split(/\r?\n/);
  if (lines[0] !== "---") return { values: {} };
  const end = lines.indexOf("---", 1);
  // Tabs are no indentation in YAML, but some cards have them.
  const text = lines
    .slice(1, end < 0 ? undefined : end)
    .join("\n")
    .replaceAll("\t", "  ");
  const { parse } = await import("yaml");
  try {
    const values: unknown = parse(text);
    return { values: isJsonObject(values) ? values : {} };
  } catch (cause) {
    const reason = String((cause as Error).message).split("\n")[0];
    return { values: {}, note: `the front matter of ${path} is not read: ${reason}` };
  }
}
