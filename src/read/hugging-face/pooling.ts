/** How the vectors of a text's tokens become one, as `modules.json` of sentence-transformers says. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { isJsonObject, readJsonList, readJsonObject } from "../json-text.ts";

/** `llama_pooling_type`, by the flags of older configs and by the names of newer ones. */
const FLAGS: readonly (readonly [flag: string, type: number])[] = [
  ["pooling_mode_mean_tokens", 1],
  ["pooling_mode_cls_token", 2],
  ["pooling_mode_lasttoken", 3],
];
const NAMES: Readonly<Record<string, number>> = { mean: 1, cls: 2, lasttoken: 3 };

/**
 * Reads the way of pooling.
 * @returns llama.cpp's number of it, undefined when the folder says nothing
 * @throws QuantizeError `bad-format`, and `unsupported` for other ways
 */
export function poolingType(folder: string): number | undefined {
  const path = join(folder, "modules.json");
  if (!existsSync(path)) return undefined;
  const module = readJsonList(path)
    .filter(isJsonObject)
    .find(({ type }) => String(type).endsWith("Pooling"));
  if (module === undefined) return undefined;
  const place = String(module["path"]);
  // A folder of this one: a path must not lead anywhere else.
  if (basename(place) !== place || place === "..") {
    throw new QuantizeError("bad-format", `${path}: expected the name of a folder, found ${JSON.stringify(place)}`);
  }
  const config = join(folder, place, "config.json");
  const pooling = readJsonObject(config);
  const type = FLAGS.find(([flag]) => pooling[flag] === true)?.[1] ?? NAMES[String(pooling["pooling_mode"])];
  if (type !== undefined) return type;
  throw new QuantizeError("unsupported", `${config}: expected pooling of the mean, the first or the last token`);
}
