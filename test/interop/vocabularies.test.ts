/**
 * Real vocabularies: llama.cpp, with nothing but the metadata that are written, finds the token ids that Hugging Face's
 * tokenizers find in hard texts, but for those texts that it cannot cut so: it has no normalizers.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Tokenizer } from "@huggingface/tokenizers";
import type { MetadataScalar } from "../../dist/src/read/model.js";
import { everydayTexts } from "./everyday-texts.ts";
import { llamaTokenize } from "./llama.ts";
import { packageVocabulary, writeVocabulary } from "./vocabularies.ts";

const folder = mkdtempSync(join(tmpdir(), "vocabularies-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXTS = everydayTexts(560);

interface Vocabulary {
  readonly model: string;
  readonly pre: string;
  readonly addsBos: boolean;
  /** Texts that llama.cpp may cut otherwise, and nothing that metadata could say would change it. */
  readonly mayDiffer: (text: string) => boolean;
}

const none = () => false;
/** llama.cpp has no normalizers, which is said when such a folder is read. */
const isNormalized = (form: "NFC" | "NFKC") => (text: string) => text.normalize(form) !== text;
/** Its cut of gpt-4o puts marks that combine elsewhere. */
const hasMarks = (text: string) => /\p{M}/u.test(text);
/** It takes the sign that SentencePiece writes for a space for a space. */
const hasSpaceSign = (text: string) => text.includes("▁");

const VOCABULARIES: Readonly<Record<string, Vocabulary>> = {
  llama2: { model: "llama", pre: "default", addsBos: true, mayDiffer: none },
  llama3: { model: "gpt2", pre: "llama-bpe", addsBos: false, mayDiffer: none },
  llama3_1: { model: "gpt2", pre: "llama-bpe", addsBos: true, mayDiffer: none },
  // Its tokenizer.json adds nothing; transformers does, by the config beside it.
  deepseek_v3: { model: "gpt2", pre: "deepseek-v3", addsBos: true, mayDiffer: none },
  qwen3: { model: "gpt2", pre: "qwen2", addsBos: false, mayDiffer: isNormalized("NFC") },
  gemma3: { model: "llama", pre: "default", addsBos: true, mayDiffer: hasSpaceSign },
  gpt4o: { model: "gpt2", pre: "gpt-4o", addsBos: false, mayDiffer: hasMarks },
  gptoss: { model: "gpt2", pre: "gpt-4o", addsBos: false, mayDiffer: hasMarks },
  claude: { model: "gpt2", pre: "gpt-2", addsBos: false, mayDiffer: isNormalized("NFKC") },
};

function reference(name: string): Tokenizer {
  const source = fileURLToPath(new URL(`node_modules/@lenml/tokenizer-${name}/models/`, import.meta.url));
  const read = (file: string) => JSON.parse(readFileSync(join(source, file), "utf8")) as object;
  return new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

test.each(Object.entries(VOCABULARIES))("%s", async (name, { model, pre, addsBos, mayDiffer }) => {
  const metadata = await packageVocabulary(folder, name);
  const value = (key: string) =>
    (metadata.get(`tokenizer.ggml.${key}`) as { value?: MetadataScalar } | undefined)?.value;
  const stated = { model: value("model"), pre: value("pre"), bos: value("add_bos_token"), eos: value("add_eos_token") };
  expect(stated).toEqual({ model, pre, bos: addsBos, eos: false });

  const found = llamaTokenize(writeVocabulary(join(folder, `${name}.gguf`), metadata), TEXTS);
  expect({ addsBos: found.addsBos, addsEos: found.addsEos }).toEqual({ addsBos, addsEos: false });
  const tokenizer = reference(name);
  const differing = TEXTS.filter((text, i) => {
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    return ids.join() !== found.plain[i]!.join();
  });
  expect(differing.filter((text) => !mayDiffer(text))).toEqual([]);
});
