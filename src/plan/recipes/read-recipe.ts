/**
 * Reads recipes: YAML or JSON files, and manifests, which hold the recipe they were made with. Every complaint names
 * file, line and column.
 */
import { LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { QuantizeError } from "../../errors.ts";
import { nearestName } from "../../text/nearest-name.ts";
import { readWholeFile } from "../../read/input-file.ts";
import type { RecipeFile } from "./recipe-file.types.ts";
import type { Recipe, Rule } from "./recipe.types.ts";
import { recipeSchema, schemeSchema } from "./recipe-schema.ts";
import { findScheme, findType } from "./schemes.ts";
import { checkLayout, checkRule, parseTensorRule } from "./tensor-rule.ts";

/** Manifests of models with 60,000 tensors have 20 MB. */
const MAX_RECIPE_BYTES = 2 ** 26;

type Path = readonly PropertyKey[];

/** A document whose parts know their line and column. */
interface Source {
  readonly path: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** Where the recipe starts in the document: `recipe` in a manifest. */
  readonly root: Path;
}

/** `file.yaml:7:5`, of the value at a path or of the nearest that exists around it. */
function positionOf({ path, document, lines, root }: Source, at: Path): string {
  for (let length = at.length; length >= 0; length--) {
    const node = document.getIn([...root, ...at.slice(0, length)], true) as { range?: [number, number, number] };
    if (node?.range === undefined || node.range === null) continue;
    const { line, col } = lines.linePos(node.range[0]);
    return `${path}:${line}:${col}`;
  }
  return path;
}

/** `rules[2].type` */
function pathText(at: Path): string {
  return at
    .map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`))
    .join("");
}

function problem(source: Source, at: Path, message: string): QuantizeError {
  const where = at.length === 0 ? "" : `${pathText(at)}: `;
  return new QuantizeError("usage", `${positionOf(source, at)}: ${where}${message}`);
}

/** Runs a check, and puts file and line before what it says. */
function checked<T>(source: Source, at: Path, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof QuantizeError)) throw error;
    throw new QuantizeError(error.code, `${positionOf(source, at)}: ${error.message}`, { cause: error });
  }
}

function parseWith<T extends z.ZodType>(schema: T, value: unknown, source: Source, base: Path): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code !== "unrecognized_keys") throw problem(source, [...base, ...issue.path], issue.message);
  const key = issue.keys[0]!;
  const known = Object.keys((schema as unknown as { shape?: object }).shape ?? {});
  const nearest = nearestName(key, known);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  throw problem(source, [...base, ...issue.path, key], `unknown key${hint}`);
}

/** Parses YAML, of which JSON is a part, and finds the recipe inside a manifest. */
function parseSource(path: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new QuantizeError("usage", `${path}:${line}:${col}: ${error.message}`);
  }
  const isManifest = document.has("tensors") && document.has("tool");
  if (isManifest && !document.has("recipe")) throw new QuantizeError("usage", `${path}: this manifest holds no recipe`);
  return { path, document, lines, root: isManifest ? ["recipe"] : [] };
}

/** Rules written as `re=type@layout` become data. */
function expandRules(source: Source, rules: unknown, base: Path): unknown {
  if (!Array.isArray(rules)) return rules;
  return rules.map((rule: unknown, i) =>
    typeof rule === "string" ? checked(source, [...base, i], () => parseTensorRule(rule)) : rule,
  );
}

function checkRules(source: Source, rules: readonly Rule[], base: Path): Rule[] {
  return rules.map((rule, i) => checked(source, [...base, i], () => checkRule(rule, `rule ${i + 1}`)));
}

function checkScheme(source: Source, value: string | Record<string, unknown>): string | Recipe {
  if (typeof value === "string") {
    checked(source, ["scheme"], () => findScheme(value));
    return value;
  }
  const raw = {
    ...value,
    ...("rules" in value && { rules: expandRules(source, value["rules"], ["scheme", "rules"]) }),
  };
  const scheme = parseWith(schemeSchema, raw, source, ["scheme"]);
  const type =
    scheme.type === "keep" ? "keep" : checked(source, ["scheme", "type"], () => findType(scheme.type, "the scheme"));
  return { ...scheme, type, rules: checkRules(source, scheme.rules, ["scheme", "rules"]) };
}

/**
 * Reads a recipe from its text.
 * @param path for messages
 * @throws QuantizeError `usage` or `unknown-name`, with line and column
 */
export function parseRecipe(text: string, path: string): RecipeFile {
  const source = parseSource(path, text);
  const json = source.document.toJS({ maxAliasCount: 100 }) as unknown;
  const value = source.root.length === 0 ? json : (json as { recipe: unknown }).recipe;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw problem(source, [], "expected a recipe: scheme, and what else is wanted");
  const raw = { ...value, ...("rules" in value && { rules: expandRules(source, value.rules, ["rules"]) }) };
  const recipe = parseWith(recipeSchema, raw, source, []);
  for (const key of ["outputType", "embeddingType"] as const) {
    const type = recipe[key];
    if (type !== undefined) checked(source, [key], () => findType(type, key));
  }
  const { layout } = recipe;
  if (layout !== undefined) checked(source, ["layout"], () => checkLayout(layout, "the recipe"));
  return {
    ...recipe,
    scheme: checkScheme(source, recipe.scheme),
    ...(recipe.rules !== undefined && { rules: checkRules(source, recipe.rules, ["rules"]) }),
  };
}

/** Reads a recipe, or the recipe in a manifest, from a file. @throws QuantizeError as `parseRecipe`, or `io` */
export function readRecipe(path: string): RecipeFile {
  return parseRecipe(new TextDecoder().decode(readWholeFile(path, MAX_RECIPE_BYTES)), path);
}
