/** From the tensors of a Hugging Face checkpoint to llama.cpp's: names, rotary order, nothing missing, nothing left. */
import { QuantizeError } from "../../errors.ts";
import type { Architecture, TensorName } from "./architectures/architecture.types.ts";
import { positiveOf } from "./hugging-face-metadata.ts";
import type { JsonObject } from "../json-text.ts";
import { rowCount, type Tensor } from "../model.ts";
import { quote } from "../../text/quote.ts";
import { toTensor, type PlacedEntry, type SafetensorsSet } from "../safetensors/safetensors-set.ts";

/** Buffers that older programs saved with the weights: everybody computes them anew. */
const BUFFERS = [".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"];

/** Numbers in names, as they are written: `01` is no layer. */
const LAYER = /\.layers\.(0|[1-9]\d{0,5})\./;
const EXPERT = /\.experts\.(0|[1-9]\d{0,5})\./;

/** What the names are to be mapped with. */
interface Context {
  readonly set: SafetensorsSet;
  readonly architecture: Architecture;
  readonly config: JsonObject;
  readonly layers: number;
  readonly experts: number;
  /** The config file, for error messages. */
  readonly where: string;
}

/**
 * Maps all tensors. Experts of a layer become one tensor, whose extents are theirs in the order of their numbers.
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
  const { expertCount } = architecture;
  const experts = expertCount === undefined ? 0 : positiveOf(config, expertCount, where);
  const context: Context = { set, architecture, config, layers, experts, where };
  const isTied = config["tie_word_embeddings"] === true;
  const found = new Set(set.tensors.map(({ name }) => name));
  checkComplete(context, found);
  const tensors = new Map<string, Tensor>();
  for (const entry of inExpertOrder(set.tensors)) {
    if (BUFFERS.some((ending) => entry.name.endsWith(ending))) continue;
    // A tied head is no tensor of its own: where a file has one, transformers replaces it by the embeddings.
    if (isTied && entry.name === "lm_head.weight") continue;
    const tensor = mapTensor(context, entry);
    const before = tensors.get(tensor.name);
    tensors.set(tensor.name, before === undefined ? tensor : stack(context, before, tensor, entry));
  }
  return [...tensors.values()];
}

function inExpertOrder(entries: readonly PlacedEntry[]): PlacedEntry[] {
  const expertOf = ({ name }: PlacedEntry) => Number(EXPERT.exec(name)?.[1] ?? 0);
  return entries.toSorted((a, b) => expertOf(a) - expertOf(b));
}

/** Each layer (and expert) has what the architecture requires. */
function checkComplete({ architecture, layers, experts, where }: Context, found: ReadonlySet<string>): void {
  for (const { huggingFace, required = [] } of architecture.tensors) {
    const layerCount = huggingFace.includes("{}") ? layers : 1;
    const expertCount = huggingFace.includes("{e}") ? experts : 1;
    for (let index = 0; index < layerCount * expertCount * required.length; index++) {
      const layer = Math.floor(index / required.length / expertCount);
      const expert = Math.floor(index / required.length) % expertCount;
      const stem = huggingFace.replace("{}", String(layer)).replace("{e}", String(expert));
      const name = stem + required[index % required.length]!;
      if (!found.has(name)) throw new QuantizeError("bad-format", `${where}: tensor ${quote(name)} is missing`);
    }
  }
}

function mapTensor({ set, architecture, config, layers, experts }: Context, entry: PlacedEntry): Tensor {
  const where = `${set.files[entry.file]!.path}: tensor ${quote(entry.name)}`;
  const match = /^(.*?)(\.weight|\.bias)$/.exec(entry.name);
  const layer = LAYER.exec(entry.name)?.[1];
  const expert = EXPERT.exec(entry.name)?.[1];
  const stem = match?.[1]?.replace(LAYER, ".layers.{}.").replace(EXPERT, ".experts.{e}.");
  const line = architecture.tensors.find(({ huggingFace }) => huggingFace === stem);
  if (match === null || line === undefined) {
    throw new QuantizeError("unsupported", `${where}: not known in the architecture "${architecture.gguf}"`);
  }
  if (layer !== undefined && Number(layer) >= layers) {
    throw new QuantizeError("bad-format", `${where}: the config has ${layers} layers`);
  }
  if (expert !== undefined && Number(expert) >= experts) {
    throw new QuantizeError("bad-format", `${where}: the config has ${experts} experts`);
  }
  const tensor = toTensor(set, entry, line.gguf.replace("{}", layer ?? "") + match[2]);
  if (expert !== undefined) {
    if (tensor.shape.length === 2) return { ...tensor, shape: [...tensor.shape, 1] };
    throw new QuantizeError("bad-format", `${where}: expected a matrix, found ${tensor.shape.length} dimensions`);
  }
  const rotaryHeads = headsOf(line, config);
  if (rotaryHeads === undefined) return tensor;
  const rows = tensor.shape.length === 1 ? tensor.shape[0]! : rowCount(tensor.shape);
  if (rows % (2 * rotaryHeads) !== 0) {
    throw new QuantizeError("bad-format", `${where}: ${rows} rows do not divide into ${rotaryHeads} heads of pairs`);
  }
  return { ...tensor, rotaryHeads };
}

/** Puts the next expert behind those before it. */
function stack({ set }: Context, before: Tensor, next: Tensor, entry: PlacedEntry): Tensor {
  const [rowLength, rows, count] = before.shape as [number, number, number];
  const isSame = next.shape[0] === rowLength && next.shape[1] === rows && next.codec === before.codec;
  if (!EXPERT.test(entry.name) || !isSame) {
    const expected = `${before.codec} of ${rowLength} x ${rows}`;
    const found = `${next.codec} of ${next.shape.slice(0, 2).join(" x ")}`;
    const where = `${set.files[entry.file]!.path}: tensor ${quote(entry.name)}`;
    throw new QuantizeError("bad-format", `${where}: expected ${expected} as the other experts, found ${found}`);
  }
  return { ...before, shape: [rowLength, rows, count + 1], extents: [...before.extents, ...next.extents] };
}

function headsOf({ rotaryHeads }: TensorName, config: JsonObject): number | undefined {
  if (rotaryHeads === undefined) return undefined;
  return (config[rotaryHeads] ?? config["num_attention_heads"]) as number;
}
