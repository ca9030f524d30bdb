import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { applyRecipe } from "#dist/src/plan/apply-recipe.js";
import { formatRecipe } from "#dist/src/plan/format-recipe.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import type { Plan, PlanOptions } from "#dist/src/plan/plan.js";
import { isFallback, reasonText } from "#dist/src/plan/reason.js";
import { recipeForModel } from "#dist/src/plan/recipe-for-model.js";
import { parseRecipe, readRecipe } from "#dist/src/plan/recipes/read-recipe.js";
import type { Recipe, RuleConditions } from "#dist/src/plan/recipes/recipe.types.js";
import { CONDITION_NAMES, RULE_CONDITIONS } from "#dist/src/plan/recipes/rule-conditions.js";
import { allSchemes, findScheme } from "#dist/src/plan/recipes/schemes.js";
import { parseTensorRule } from "#dist/src/plan/recipes/tensor-rule.js";
import { describeModel, writeLegacyImatrix } from "../support/models.ts";

const folder = mkdtempSync(join(tmpdir(), "recipe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = describeModel({ name: "m", layers: 4, width: 256, feedForward: 512, heads: 8, valueHeads: 4 });
const QUERY = "blk.0.attn_q.weight";
const decided = (plan: Plan) => plan.tensors.map((t) => [t.tensor.name, t.codec, t.layout, t.tables]);
const typeOf = (plan: Plan, name: string) => plan.tensors.find((t) => t.tensor.name === name)!.codec;
const plan = (options: PlanOptions) => planConversion(model, options);

function failure(run: () => unknown): QuantizeError {
  try {
    run();
  } catch (error) {
    if (error instanceof QuantizeError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

describe("rules", () => {
  test("the first that matches decides, and hits are counted", () => {
    const result = plan({ scheme: "q8_0", rules: ["blk\\.0\\.ffn_down=f16", "ffn_down=q4_0@4x4", "attn_q=@4x4"] });
    expect(typeOf(result, "blk.0.ffn_down.weight")).toBe("f16");
    expect(result.tensors.find((t) => t.tensor.name === "blk.1.ffn_down.weight")).toMatchObject({
      ...{ codec: "q4_0", layout: "4x4", reason: { code: "chosen", chooser: { by: "rule", number: 2 } } },
    });
    expect(result.tensors.find((t) => t.tensor.name === "blk.1.attn_q.weight")).toMatchObject({
      ...{ codec: "q8_0", layout: "4x4" },
    });
    expect(result.ruleHits.map(({ hits }) => hits)).toEqual([1, 3, 4]);
  });
  test("one without a hit is an error that says what it matches, unless allowed", () => {
    const typo = failure(() => plan({ scheme: "q8_0", rules: ["ffn_dwon=q4_0"] }));
    expect(typo).toMatchObject({ code: "usage", message: "rule 1 (ffn_dwon=q4_0) matches no tensor" });
    const norms = failure(() => plan({ scheme: "q8_0", rules: ["attn_norm=q4_0"] }));
    expect(norms.message).toMatch(/never quantized \(blk\.0\.attn_norm\.weight, \.\.\.\)/);
    expect(plan({ scheme: "q8_0", rules: ["ffn_dwon=q4_0"], allowUnmatchedRules: true }).ruleHits[0]!.hits).toBe(0);
  });
  test("from: the type in which a tensor is stored, and leave to encode it anew", () => {
    const tensors = model.tensors.map((tensor) =>
      tensor.name.includes("ffn") ? { ...tensor, codec: "q4_K" } : tensor,
    );
    const mixed = { ...model, tensors };
    const scheme = { name: "again", type: "keep", rules: [{ from: ["Q4_K", "codebook"], type: "q5_K" }] };
    const { scheme: read } = parseRecipe(JSON.stringify({ scheme }), "r.json");
    const result = planConversion(mixed, { scheme: read });
    expect(typeOf(result, "blk.1.ffn_up.weight")).toBe("q5_K");
    expect(typeOf(result, "blk.1.attn_q.weight")).toBe("f16");
    const { reason } = result.tensors.find((t) => t.tensor.name === "blk.1.ffn_up.weight")!;
    expect(reasonText(reason)).toBe("from q4_K");
    expect(failure(() => planConversion(mixed, { scheme: "q5_k" })).message).toContain("--allow-requantize");
    const wrong = failure(() => parseRecipe("scheme: q4_0\nrules:\n  - { from: q4_kb, type: q8_0 }\n", "r.yaml"));
    expect(wrong.message).toMatch(/^r\.yaml:3:5: unknown stored type of rule 1 "q4_kb"; did you mean "q4_/);
  });
  test("the last = separates type from pattern", () => {
    expect(parseTensorRule("a(?=b)=Q8_0@4x8")).toEqual({ match: "a(?=b)", type: "q8_0", layout: "4x8" });
    expect(parseTensorRule("a=keep")).toEqual({ match: "a", type: "keep" });
  });
  test.each([
    ["ffn_down", "usage"],
    ["=q8_0", "usage"],
    ["a=", "usage"],
    ["a=@", "usage"],
    ["a=q8_0@4x4@rows", "usage"],
    ["(=q8_0", "usage"],
    ["a=q9_0", "unknown-name"],
    ["a=q8_0@5x5", "unknown-name"],
  ])("%s is refused", (rule, code) => {
    expect(failure(() => parseTensorRule(rule)).code).toBe(code);
  });
  test("keep leaves a tensor as it is stored", () => {
    const result = plan({ scheme: "q8_0", rules: ["attn_v=keep"] });
    const { codec, reason } = result.tensors.find((t) => t.tensor.name === "blk.0.attn_v.weight")!;
    expect([codec, reasonText(reason), isFallback(reason)]).toEqual(["f16", "rule 1: keep", false]);
  });
  test("output and embedding types come before rules", () => {
    const result = plan({
      scheme: "q4_0",
      outputType: "q8_0",
      embeddingType: "f16",
      rules: ["=q4_0".replace("=", ".*=")],
    });
    expect([typeOf(result, "output.weight"), typeOf(result, "token_embd.weight")]).toEqual(["q8_0", "f16"]);
    const left = plan({ scheme: "q4_0", leaveOutput: true });
    expect(left.tensors[0]).toMatchObject({ codec: "f16", reason: { code: "output-left" } });
    expect(reasonText(left.tensors[0]!.reason)).toBe("kept: --leave-output");
  });
});

describe("a condition", () => {
  const values = { names: "f16", pattern: "attn", roles: "attn_q", layers: 2, count: 1, flag: true };
  const rule = {
    ...Object.fromEntries(CONDITION_NAMES.map((name) => [name, values[RULE_CONDITIONS[name].takes]])),
    ...{ type: "q4_0", layout: "4x4", tables: 16 },
  };
  const scheme = { name: "all", type: "q8_0", rules: [rule] };

  test("is kept by manifests, and read again, whichever it is", () => {
    const { recipe } = plan({ scheme, allowUnmatchedRules: true });
    expect((recipe.scheme as Recipe).rules).toEqual([rule]);
    expect((parseRecipe(JSON.stringify(recipe), "r").scheme as Recipe).rules).toEqual([rule]);
  });
  test("is tried, whichever it is", () => {
    // True of the first layer's queries; false of everything where one condition asks for another value.
    const others = { names: "q4_K", pattern: "ffn", roles: "ffn_up", layers: 0, count: 3, flag: false };
    const holding = {
      ...{ from: "f16", match: "attn_q", role: "attn_q", layers: 1, gqa: 2, experts: 0, imatrix: false },
      ...{ architecture: "llama", is70B: false, stacked: false, rowsFit: true },
    } satisfies Record<keyof RuleConditions, unknown>;
    const codecs = (conditions: object) =>
      typeOf(
        plan({ scheme: { ...scheme, rules: [{ ...conditions, type: "q4_0" }] }, allowUnmatchedRules: true }),
        QUERY,
      );
    expect(codecs(holding)).toBe("q4_0");
    for (const name of CONDITION_NAMES) {
      const { takes } = RULE_CONDITIONS[name];
      const other = takes === "flag" ? !holding[name] : others[takes];
      expect([name, codecs({ ...holding, [name]: other })]).toEqual([name, "q8_0"]);
    }
  });
  test("is explained in printed recipes and on the page, whichever it is", () => {
    const text = formatRecipe({ scheme });
    const page = readFileSync(new URL("../../docs/recipes.md", import.meta.url), "utf8");
    for (const name of CONDITION_NAMES) {
      expect(text).toMatch(new RegExp(`^# +${name} .*\\w`, "m"));
      expect(page).toMatch(new RegExp(`^\\| \`${name}\` +\\| \\S`, "m"));
    }
  });
});

describe("a recipe file", () => {
  test("may be YAML or JSON", () => {
    const yaml = parseRecipe(
      "scheme: q4_cb\nlayout: 4x8\nrules:\n  - { match: ffn_down, type: Q8_0 }\n  - attn_v=f16\n",
      "r",
    );
    expect(yaml).toEqual({
      ...{ scheme: "q4_cb", layout: "4x8" },
      rules: [
        { match: "ffn_down", type: "q8_0" },
        { match: "attn_v", type: "f16" },
      ],
    });
    expect(parseRecipe(JSON.stringify(yaml), "r.json")).toEqual(yaml);
  });
  test.each([
    ["not a mapping", "- 1\n", /^r:1:1: expected a recipe/],
    ["without a scheme", "layout: rows\n", /^r:1:1: scheme: /],
    ["an unknown key", "scheme: q8_0\nlayuot: rows\n", /^r:2:9: layuot: unknown key; did you mean "layout"\?/],
    [
      "an unknown key in a rule",
      "scheme: q8_0\nrules:\n  - math: a\n    type: q8_0\n",
      /^r:3:11: rules\[0\]\.math: unknown key/,
    ],
    ["an unknown scheme", "scheme: q8_1x\n", /^r:1:9: unknown scheme "q8_1x"/],
    [
      "an unknown type",
      "scheme: q8_0\nrules:\n  - match: a\n    type: q8_9\n",
      /^r:3:5: unknown type of rule 1 "q8_9"/,
    ],
    ["an unknown layout", "scheme: q8_0\nlayout: 9x9\n", /^r:2:9: unknown layout/],
    ["a broken pattern", "scheme: q8_0\nrules:\n  - match: '('\n    type: q8_0\n", /^r:3:5: rule 1: Invalid regular/],
    [
      "a rule that says nothing",
      "scheme: q8_0\nrules:\n  - match: a\n",
      /^r:3:5: rules\[0\]: expected type, layout or tables/,
    ],
    ["too many tables", "scheme: q8_0\ntables: 300\n", /^r:2:9: tables: expected auto, or a number from 1 to 256/],
    ["a wrong type", "scheme: q8_0\npure: 3\n", /^r:2:7: pure: /],
    ["a wrong role", "scheme: q8_0\nrules:\n  - { role: ffn, type: q8_0 }\n", /^r:3:13: rules\[0\]\.role\[?/],
    ["broken YAML", "scheme: [q8_0\n", /^r:\d+:\d+: /],
    ["a key twice", "scheme: q8_0\nscheme: q4_0\n", /^r:2:1: /],
  ])("is refused with file, line and column: %s", (_, text, message) => {
    const error = failure(() => parseRecipe(text, "r"));
    expect(error.message).toMatch(message);
    expect(["usage", "unknown-name"]).toContain(error.code);
  });
  test("that is missing is an io error", () => {
    expect(failure(() => readRecipe(join(folder, "none.yaml"))).code).toBe("io");
  });
  test("gives way to options, and its rules come after theirs", () => {
    const file = parseRecipe("scheme: q8_0\nlayout: 4x8\nrules: [ 'attn_q=q4_0', 'attn_v=f16' ]\n", "r");
    const { options } = applyRecipe(file, "r", { layout: "rows", rules: ["attn_q=f32"] });
    const result = plan(options);
    expect(typeOf(result, "blk.0.attn_q.weight")).toBe("f32");
    expect(typeOf(result, "blk.0.attn_v.weight")).toBe("f16");
    expect(result.tensors.every((t) => t.layout === "rows")).toBe(true);
  });
});

describe("a scheme", () => {
  const names = allSchemes().map(({ name }) => name);
  // q2_k_s asks for importance.
  test.each(names.filter((name) => name !== "q2_k_s"))("%s can be printed, read and edited", (name) => {
    const text = formatRecipe({ scheme: findScheme(name) });
    const again = applyRecipe(parseRecipe(text, "r"), "r").options;
    expect(decided(plan(again))).toEqual(decided(plan({ scheme: name })));
  });
  test("is printed for a model with the model's own tensors", () => {
    const original = plan({ scheme: "q8_0", layout: "4x8", rules: ["blk.[12].ffn_down=q4_0", "attn_k=keep"] });
    const text = formatRecipe(recipeForModel(original));
    expect(text).toContain("blk\\.(1|2)\\.ffn_down\\.weight");
    const { options } = applyRecipe(parseRecipe(text, "r"), "r");
    expect(decided(plan(options))).toEqual(decided(original));
  });
  test.each([
    ["q4_cbb", /did you mean "q4_cb"/],
    ["Q8-0", /did you mean "q8_0"/],
    ["iq2_xxs", /read but not written/],
  ])("%s is refused", (name, message) => {
    expect(failure(() => findScheme(name)).message).toMatch(message);
  });
  test("is found in any letter case", () => {
    expect(findScheme(" Q8_0 ").name).toBe("q8_0");
  });
});

test("the recipe of a plan, kept in a manifest, gives the same plan", () => {
  const original = plan({
    ...{ scheme: "q4_k_m", layout: "4x8", outputType: "q4_0", onIncompatible: "keep" },
    rules: ["attn_q=q4_0", { role: "attn_k", type: "q5_0", match: "blk" }],
    overrideKv: ["general.name=str:renamed"],
  });
  const path = join(folder, "manifest.json");
  const manifest = { format: 1, tool: { name: "quantize", version: "1" }, tensors: [], recipe: original.recipe };
  writeFileSync(path, JSON.stringify(manifest));
  const again = plan(applyRecipe(readRecipe(path), path).options);
  expect(decided(again)).toEqual(decided(original));
  expect(again.metadata).toEqual(original.metadata);
  // Letter by letter: the manifest is part of the file.
  expect(JSON.stringify(again.recipe)).toBe(JSON.stringify(original.recipe));
});

test("a recipe's importance matrix is found beside it, and must be the same file", () => {
  const sums = new Float32Array(256).fill(2);
  writeLegacyImatrix(join(folder, "m.dat"), [{ name: "blk.0.attn_q.weight", sums, calls: 1 }]);
  const path = join(folder, "r.yaml");
  const { options } = applyRecipe(parseRecipe("scheme: q4_k_m\nimatrix: { file: m.dat }\n", path), path);
  const original = plan(options);
  expect(original.tensors.find((t) => t.tensor.name === "blk.0.attn_q.weight")!.importance![0]).toBe(2);
  expect(original.metadata.get("quantize.imatrix.file")).toMatchObject({ value: "m.dat" });
  expect(original.recipe.imatrix).toMatchObject({ file: "m.dat", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const again = parseRecipe(JSON.stringify(original.recipe), path);
  expect(JSON.stringify(plan(applyRecipe(again, path).options).recipe)).toBe(JSON.stringify(original.recipe));
  writeLegacyImatrix(join(folder, "m.dat"), [{ name: "blk.0.attn_q.weight", sums: sums.fill(3), calls: 1 }]);
  expect(failure(() => applyRecipe(again, path))).toMatchObject({ code: "bad-data" });
});

test("a manifest without a recipe says so", () => {
  const path = join(folder, "old.json");
  writeFileSync(path, JSON.stringify({ tool: {}, tensors: [] }));
  expect(failure(() => readRecipe(path)).message).toMatch(/holds no recipe/);
});
