/**
 * The folders of `fixtures/hf-golden`: each file there holds a config, the names and shapes of a checkpoint's tensors,
 * and what llama.cpp's converter made of them. The weights are made here, the same as for the converter.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveCodec } from "#dist/codecs/registry.js";
import { temporaryFolder } from "./gguf-file.ts";
import { standardNormals } from "./numpy-stream.ts";
import { storedTensors, type StoredTensor } from "./safetensors-file.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/hf-golden", import.meta.url));

/** A shape, outermost first; with a type in front, where the numbers are no random floats. */
type Source = readonly number[] | readonly [dtype: string, ...shape: number[]];

export interface GoldenFolder {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sources: Readonly<Record<string, Source>>;
  /** SHA-256 of the folder's `model.safetensors`. */
  readonly sha256: string;
  /** Type and value of each key; of arrays, the value is the type of their elements and these. */
  readonly metadata: Readonly<Record<string, readonly [type: string, value: unknown]>>;
  /** Type, shape (innermost first), and the first 16 digits of the SHA-256 of the bytes. */
  readonly tensors: Readonly<Record<string, readonly [codec: string, shape: readonly number[], sha256: string]>>;
  /**
   * Where llama.cpp predicts tokens: its logits of the first 16 tokens behind the ids `7 i mod vocabulary`, i below 24.
   */
  readonly logits?: readonly number[];
}

export const GOLDEN_NAMES = readdirSync(FIXTURES).map((name) => name.slice(0, -".json".length));

/** Folders that are converted and whose logits llama.cpp computes, but not the forward pass. */
export const CONVERTED_ONLY = [
  ...["deepseek-v2-lite", "deepseek-v3", "ernie4.5-moe", "falcon-7b", "glm4moe", "gptneox", "granite4-h"],
  ...["hunyuan-moe", "lfm2", "lfm2moe", "llama4", "mamba", "mamba2", "minimax-m2", "olmo", "phimoe", "qwen2moe"],
  ...["qwen3.5", "qwen3.5moe", "qwen3next", "stablelm"],
];

export function readGolden(name: string): GoldenFolder {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), "utf8")) as GoldenFolder;
}

/** Folders in which the converter needed a vocabulary: pieces `t0`, `t1`, ... */
const WITH_VOCABULARY = ["gemma3", "gemma3-vlm", "gemma3n", "embeddinggemma", "nomic-bert"];

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

let stream: Float32Array = new Float32Array(0);

/** The first numbers of the one stream from which all folders are filled. */
function normals(count: number): Float32Array {
  if (stream.length < count) stream = standardNormals(1, count);
  return stream;
}

const countOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

const ARRAYS = { U8: Uint8Array, I64: BigInt64Array } as const;

/** Numbers that count up: scales from 120 on, others from 0. */
function counting(name: string, dtype: keyof typeof ARRAYS, shape: readonly number[]): StoredTensor {
  const [from, period] = name.includes("scales") ? [120, 7] : [0, 120];
  const values = Array.from({ length: countOf(shape) }, (_, i) => from + (i % period));
  return { dtype, shape, data: dtype === "I64" ? BigInt64Array.from(values, BigInt) : Uint8Array.from(values) };
}

function halves(shape: readonly number[], values: Float32Array): StoredTensor {
  const data = new Uint8Array(2 * values.length);
  resolveCodec("f16").encode!(values, data, { rowLength: values.length });
  return { dtype: "F16", shape, data };
}

/** Norms around 1, embeddings wide, all else narrow. */
function makeTensors(sources: GoldenFolder["sources"]): Record<string, StoredTensor> {
  const isRandom = (name: string, source: Source) => typeof source[0] === "number" && !name.endsWith("A_log");
  const random = Object.entries(sources).filter(([name, source]) => isRandom(name, source));
  const numbers = normals(random.reduce((sum, [, source]) => sum + countOf(source as readonly number[]), 0));
  let at = 0;
  const make = (name: string, source: Source): StoredTensor => {
    const [first, ...rest] = source;
    if (typeof first === "string") return counting(name, first as keyof typeof ARRAYS, rest as number[]);
    const shape = source as readonly number[];
    const count = countOf(shape);
    if (name.endsWith("A_log"))
      return halves(
        shape,
        Float32Array.from({ length: count }, (_, i) => Math.log(1 + (i % 16))),
      );
    const drawn = numbers.subarray(at, (at += count));
    const isNorm = shape.length === 1 && /norm|ln_|emb_ln/i.test(name) && name.endsWith("weight");
    const scale = Math.fround(isNorm ? 0.1 : name.includes("embed") ? 0.5 : 0.12);
    return halves(
      shape,
      Float32Array.from(drawn, (z) => (isNorm ? 1 : 0) + Math.fround(z * scale)),
    );
  };
  return Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, make(name, source)]));
}

/** Writes a folder of such weights; it goes away with the test. */
export function randomFolder(config: object, sources: GoldenFolder["sources"]): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), storedTensors(makeTensors(sources), { format: "pt" }));
  return folder;
}

/** Writes the folder that a fixture describes. @throws Error when its bytes are not those the converter read */
export function goldenFolder(name: string, golden: GoldenFolder): string {
  const folder = randomFolder(golden.config, golden.sources);
  if (sha256(readFileSync(join(folder, "model.safetensors"))) !== golden.sha256) {
    throw new Error(`${name}: the generator makes another file`);
  }
  if (WITH_VOCABULARY.includes(name)) writeVocabulary(folder);
  return folder;
}

/** Puts a vocabulary into a folder, of pieces that no text has. */
export function writeVocabulary(folder: string): void {
  const vocab = Object.fromEntries(Array.from({ length: 320 }, (_, i) => [`t${i}`, i]));
  const tokenizer = { model: { type: "WordPiece", vocab }, added_tokens: [] };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
}
