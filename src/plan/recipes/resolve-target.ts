/** `auto:<cpu>`: from a processor's name to the layout of each type. */
import type { BlockFormat } from "../../../codecs/codec.ts";
import { findLayout } from "../../../layouts/registry.ts";
import { findTarget, layoutsFor, TARGETS, type Target } from "../../../layouts/targets.ts";
import { unknownName } from "../../text/nearest-name.ts";

/**
 * The processor or feature of that name.
 * @param name with or without the leading `auto:`, in any letter case and punctuation
 * @throws QuantizeError `unknown-name` with the nearest name, or the command that lists them
 */
export function resolveTarget(name: string): Target {
  const wanted = name.replace(/^auto:/, "");
  const found = findTarget(wanted);
  if (found !== undefined) return found;
  const valid = TARGETS.map((target) => target.name);
  throw unknownName("processor", wanted, valid, "quantize layouts");
}

/**
 * The layout that a request stands for.
 * @param layout a layout's name, or `auto:` and a processor's: then the best one whose groups divide the rows, else the
 * best one (which will be reported as not fitting), and `rows` where the processor reads the format so
 * @param rows rows of one matrix of the tensor
 */
export function resolveLayout(layout: string, format: BlockFormat | undefined, rows: number): string {
  if (!layout.startsWith("auto:")) return layout;
  if (format === undefined) return "rows";
  const candidates = layoutsFor(resolveTarget(layout), format);
  return candidates.find((name) => rows % findLayout(format, name)!.rowsPerGroup === 0) ?? candidates[0] ?? "rows";
}
