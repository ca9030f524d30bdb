/** The chat template: a text, or several by name, of which `default` is the one that programs use unasked. */
import { isJsonObject } from "../../json-text.ts";
import type { Metadata } from "../../model.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

/** Adds `tokenizer.chat_template`, and those with other names beside it, as llama.cpp's converter does. */
export function addChatTemplate(metadata: Metadata, { tokenizerConfig, chatTemplate }: TokenizerFiles): void {
  const value: unknown = tokenizerConfig["chat_template"] ?? chatTemplate;
  const text = (key: string, template: string) => metadata.set(key, { type: "string", value: template });
  if (typeof value === "string") text("tokenizer.chat_template", value);
  if (!Array.isArray(value)) return;
  const named = new Map<string, string>();
  for (const choice of (value as unknown[]).filter(isJsonObject)) {
    // Names become parts of keys.
    const name = typeof choice["name"] === "string" ? choice["name"].replace(/[^A-Za-z0-9]/g, "_") : "";
    if (name !== "" && typeof choice["template"] === "string") named.set(name, choice["template"]);
  }
  const main = named.get("default");
  named.delete("default");
  for (const [name, template] of named) text(`tokenizer.chat_template.${name}`, template);
  if (named.size > 0) {
    metadata.set("tokenizer.chat_templates", { type: "array", elementType: "string", values: [...named.keys()] });
  }
  if (main !== undefined) text("tokenizer.chat_template", main);
}
