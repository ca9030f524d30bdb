/** From a type's and a layout's name to the weave, with the names that would have been right. */
import { allFormats, findFormat } from "../../codecs/registry.ts";
import { weavesOf } from "../../layouts/registry.ts";
import type { Weave } from "../../layouts/layout.ts";
import { unknownName } from "../text/nearest-name.ts";

/** @throws QuantizeError `unknown-name` for a type that does not exist, or a layout that it does not come in */
export function findWeaveByName(type: string, layout = "rows"): Weave {
  const format = findFormat(type);
  if (format === undefined) {
    const names = allFormats().map(({ name }) => name);
    throw unknownName("type", type, names, "quantize layouts");
  }
  const weaves = weavesOf(format);
  const weave = weaves.find((candidate) => candidate.layout === layout);
  if (weave !== undefined) return weave;
  const names = weaves.map((candidate) => candidate.layout);
  throw unknownName(`layout of ${format.name}`, layout, names);
}
