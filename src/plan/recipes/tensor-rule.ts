/** Rules of the command line: `re=type@layout`, where either of type and layout may be left out. */
import { allFormats, findFormat } from "../../../codecs/registry.ts";
import { LAYOUT_NAMES } from "../../../layouts/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { unknownName } from "../../text/nearest-name.ts";
import type { Rule } from "./recipe.types.ts";
import { resolveTarget } from "./resolve-target.ts";
import { findType } from "./schemes.ts";

/** True for `auto:<cpu>`, which asks for the layout that suits a processor, type by type. */
export function isAutomaticLayout(layout: string): boolean {
  return layout.startsWith("auto:");
}

/** @throws QuantizeError `unknown-name` when the layout is neither a name nor `auto:` and a processor's name */
export function checkLayout(layout: string, where: string): string {
  if (isAutomaticLayout(layout)) resolveTarget(layout);
  if (!LAYOUT_NAMES.includes(layout) && !isAutomaticLayout(layout))
    throw unknownName(`layout of ${where}`, layout, LAYOUT_NAMES, "quantize layouts");
  return layout;
}

/** Checks a regular expression. @throws QuantizeError `usage` with the engine's own words */
function checkPattern(pattern: string, where: string): void {
  try {
    new RegExp(pattern);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new QuantizeError("usage", `${where}: ${problem}`, { cause });
  }
}

/** The types of a rule's `from` under their registry names. @throws QuantizeError `unknown-name` */
function checkStored(from: string | readonly string[], where: string): string | string[] {
  const names = [from].flat().map((name) => {
    const format = findFormat(name);
    if (format === undefined && name !== "codebook") {
      throw unknownName(
        `stored type of ${where}`,
        name,
        allFormats().map((known) => known.name),
      );
    }
    return format?.name ?? name;
  });
  return names.length === 1 ? names[0]! : names;
}

/**
 * Checks a rule that comes from outside, and gives its type its registry name.
 * @throws QuantizeError `usage` or `unknown-name`, naming `where`
 */
export function checkRule(rule: Rule, where: string): Rule {
  if (rule.match !== undefined) checkPattern(rule.match, where);
  if (rule.layout !== undefined) checkLayout(rule.layout, where);
  return {
    ...rule,
    ...(rule.from !== undefined && { from: checkStored(rule.from, where) }),
    ...(rule.type !== undefined && rule.type !== "keep" && { type: findType(rule.type, where) }),
  };
}

/**
 * Reads `re=type@layout`. The last `=` separates, so the expression may hold others.
 * @throws QuantizeError `usage` for a rule without a pattern, or with neither type nor layout
 */
export function parseTensorRule(text: string): Rule {
  const where = `rule "${text}"`;
  const separator = text.lastIndexOf("=");
  const match = text.slice(0, Math.max(separator, 0));
  const [type, layout, ...rest] = text.slice(separator + 1).split("@");
  if (match === "" || rest.length > 0 || (type === "" && (layout ?? "") === ""))
    throw new QuantizeError("usage", `${where}: expected <regular expression>=<type>[@<layout>]`);
  return checkRule(
    {
      match,
      ...(type === "" ? {} : { type: type!.toLowerCase() === "keep" ? "keep" : type! }),
      ...(layout === undefined ? {} : { layout }),
    },
    where,
  );
}

/** A rule in one line, for messages and reports. */
export function describeRule(rule: Rule): string {
  const { type, layout, tables, match, ...conditions } = rule;
  const what = Object.entries(conditions).map(([key, value]) => `${key} ${[value].flat().join("|")}`);
  const target = `${type ?? ""}${layout === undefined ? "" : `@${layout}`}${tables === undefined ? "" : ` tables ${tables}`}`;
  return `${[...(match === undefined ? [] : [match]), ...what].join(", ") || "*"}=${target}`;
}
