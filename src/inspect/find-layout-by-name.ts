/** From a type's and a layout's name to the layout, with the names that would have been right. */
import { allFormats, findFormat } from "../../codecs/registry.ts";
import { layoutsOf } from "../../layouts/registry.ts";
import type { Layout } from "../../layouts/layout.ts";
import { unknownName } from "../text/nearest-name.ts";

/** @throws QuantizeError `unknown-name` for a type that does not exist, or a layout that it does not come in */
export function findLayoutByName(type: string, layoutName = "rows"): Layout {
  const format = findFormat(type);
  if (format === undefined) {
    const names = allFormats().map(({ name }) => name);
    throw unknownName("type", type, names, "quantize layouts");
  }
  const layouts = layoutsOf(format);
  const layout = layouts.find(({ name }) => name === layoutName);
  if (layout !== undefined) return layout;
  const names = layouts.map(({ name }) => name);
  throw unknownName(`layout of ${format.name}`, layoutName, names);
}
