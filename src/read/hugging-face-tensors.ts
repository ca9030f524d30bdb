/** From the tensors of a Hugging Face checkpoint to llama.cpp's: names, rotary order, nothing missing, nothing left. */
import { QuantizeError } from "../errors.ts";
import type { Architecture, TensorName } from "./architectures/architecture.types.ts";
import type { JsonObject } from "./json-text.ts";
import { rowCount, type Tensor } from "./model.ts";
import { quote } from "./quote.ts";
import { toTensor, type PlacedEntry, type SafetensorsSet } from "./safetensors-set.ts";

/** Buffers that older programs saved with the weights: everybody computes them anew. */
const BUFFERS = [".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"];

/**
 * Maps all tensors.
 * @param where the config file, for error messages
 * @throws QuantizeError `unsupported` naming a tensor that the architecture does not have, `bad-format` naming one
 * that is missing or does not fit the config
 */
export function mapTensors(
  set: SafetensorsSet,
  architecture: Architecture,
  config: JsonObject,
  layers: number,
  where: string,
): Tensor[] {
  const isTied = config["tie_word_embeddings"] === true;
  const mapped = new Set<string>();
  const tensors = set.tensors
    .filter(({ name }) => !BUFFERS.some((ending) => name.endsWith(ending)))
    // A tied head is no tensor of its own: where a file has one, transformers replaces it by the embeddings.
    .filter(({ name }) => !(isTied && name === "lm_head.weight"))
    .map((entry) => {
      const tensor = mapTensor(set, entry, architecture, config, layers);
      mapped.add(tensor.name);
      return tensor;
    });
  for (const line of architecture.tensors) {
    const count = line.gguf.includes("{}") ? layers : 1;
    for (let layer = 0; layer < count; layer++) {
      for (const ending of line.required ?? []) {
        const name = (side: string) => side.replace("{}", String(layer)) + ending;
        if (mapped.has(name(line.gguf))) continue;
        throw new QuantizeError("bad-format", `${where}: tensor ${quote(name(line.huggingFace))} is missing`);
      }
    }
  }
  return tensors;
}

function mapTensor(
  set: SafetensorsSet,
  entry: PlacedEntry,
  architecture: Architecture,
  config: JsonObject,
  layers: number,
): Tensor {
  const where = `${set.files[entry.file]!.path}: tensor ${quote(entry.name)}`;
  const match = /^(.*?)(\.weight|\.bias)$/.exec(entry.name);
  const layer = /\.layers\.(\d{1,6})\./.exec(entry.name)?.[1];
  const stem = match?.[1]?.replace(/\.layers\.\d+\./, ".layers.{}.");
  const line = architecture.tensors.find(({ huggingFace }) => huggingFace === stem);
  if (match === null || line === undefined) {
    throw new QuantizeError("unsupported", `${where}: not known in the architecture "${architecture.gguf}"`);
  }
  if (layer !== undefined && Number(layer) >= layers) {
    throw new QuantizeError("bad-format", `${where}: the config has ${layers} layers`);
  }
  const tensor = toTensor(set, entry, line.gguf.replace("{}", layer ?? "") + match[2]);
  const rotaryHeads = headsOf(line, config);
  if (rotaryHeads === undefined) return tensor;
  const rows = tensor.shape.length === 1 ? tensor.shape[0]! : rowCount(tensor.shape);
  if (rows % (2 * rotaryHeads) !== 0) {
    throw new QuantizeError("bad-format", `${where}: ${rows} rows do not divide into ${rotaryHeads} heads of pairs`);
  }
  return { ...tensor, rotaryHeads };
}

function headsOf({ rotaryHeads }: TensorName, config: JsonObject): number | undefined {
  if (rotaryHeads === undefined) return undefined;
  return (config[rotaryHeads] ?? config["num_attention_heads"]) as number;
}
