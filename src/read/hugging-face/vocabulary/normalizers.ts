/** What a tokenizer does to a text before it cuts it: the steps of `normalizer`. llama.cpp does little of it. */
import { isJsonObject, type JsonObject } from "../../json-text.ts";

/** The steps of a `normalizer` (or of a `pre_tokenizer`), sequences flattened. */
export function stepsIn(value: unknown): readonly JsonObject[] {
  if (!isJsonObject(value)) return [];
  const inner = value["normalizers"] ?? value["pretokenizers"];
  return value["type"] === "Sequence" && Array.isArray(inner) ? inner.flatMap(stepsIn) : [value];
}

/** What texts lose by steps that llama.cpp leaves out. */
const EFFECTS: Readonly<Record<string, string>> = {
  NFC: "texts whose accents are signs of their own, or with the signs for ohm, kelvin and angstrom,",
  NFD: "texts with accents",
  NFKC: "texts with ligatures, full-width letters, raised digits and the like",
  NFKD: "texts with accents, ligatures, full-width letters and the like",
  Lowercase: "texts with capitals",
  StripAccents: "texts with accents",
  Strip: "texts with spaces at their ends",
  Replace: "texts with what it replaces",
  Precompiled: "texts with ligatures, full-width letters, raised digits and the like",
  Nmt: "texts with control characters",
};

/**
 * A sentence for each step that llama.cpp does not take.
 * @param taken types of steps that the kind of vocabulary covers
 */
export function normalizerNotes({ normalizer }: JsonObject, taken: readonly string[] = []): string[] {
  return stepsIn(normalizer)
    .map(({ type }) => String(type))
    .filter((type) => !taken.includes(type))
    .map((type) => {
      const effect = EFFECTS[type] ?? "some texts";
      return `its normalizer ${type} is not applied by llama.cpp: ${effect} get other tokens there`;
    });
}
