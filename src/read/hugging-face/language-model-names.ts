/** Which of a folder's tensors belong to the language model, and what they are called there. */
import type { PlacedEntry } from "../safetensors/safetensors-set.ts";
import type { Architecture } from "./architectures/architecture.types.ts";
import { layerCount, type Config } from "./config.ts";
import type { NamedEntries } from "./source-tensors.ts";

/** Buffers that older programs saved with the weights: everybody computes them anew. */
const BUFFERS = /\.(rotary_emb\.inv_freq|rotary_pos_emb\.inv_freq|attention\.bias|attention\.masked_bias)$/;

/** Towers for pictures and sounds, and what ties them to the language model: as llama.cpp's converter knows them. */
const TOWERS =
  /^(mlp|vit\.|vpm\.|siglip2\.|conformer\.|merger\.|resampler\.|sound_encoder\.|sound_projection\.|speech_embeddings\.)|visual\.|vision\.|audio\.|talker\.|vision_|audio_|token2wav\.|code2wav\.|projector\.|pre_mm_projector_norm|image_newline|view_seperator|patch_embed|patch_merger\.|patch_merge_mlp\.|model\.connector\./;

const LAYER = /^(?:model\.)?layers\.(0|[1-9]\d{0,5})\./;

/** What is left of a folder's tensors, and what people should know of the others. */
export interface LanguageModel {
  readonly entries: NamedEntries;
  /** Layers behind the last one that are among them. */
  readonly layersBehind: number;
  readonly notes: readonly string[];
}

/** Names the entries of the language model. */
export function languageModelNames(
  entries: readonly PlacedEntry[],
  architecture: Architecture,
  config: Config,
): LanguageModel {
  const { prefixes = [], dropped = [], layersBehind } = architecture;
  const renamed = architecture.renamed?.(config) ?? [];
  const named = new Map<string, PlacedEntry>();
  const towers = new Map<string, number>();
  const behind = new Set<number>();
  let left = 0;
  for (const entry of entries) {
    if (BUFFERS.test(entry.name)) continue;
    if (TOWERS.test(entry.name)) {
      const tower = towerOf(entry.name);
      towers.set(tower, (towers.get(tower) ?? 0) + 1);
      continue;
    }
    const plain = entry.name.replaceAll("language_model.", "");
    const prefix = prefixes.find((candidate) => plain.startsWith(candidate)) ?? "";
    const name = renamed.reduce(
      (text, [pattern, replacement]) => text.replace(pattern, replacement as string),
      plain.slice(prefix.length),
    );
    if (dropped.some((pattern) => pattern.test(name))) continue;
    const layer = LAYER.exec(name)?.[1];
    if (layersBehind !== undefined && layer !== undefined && Number(layer) >= layerCount(config)) {
      if (layersBehind === "drop") {
        left += 1;
        continue;
      }
      behind.add(Number(layer));
    }
    named.set(name, entry);
  }
  const notes = [...towers].map(
    ([tower, count]) => `${tower} is no part of the language model: left out (${tensors(count)})`,
  );
  if (left > 0) notes.push(`layers from ${layerCount(config)} on predict further tokens: left out (${tensors(left)})`);
  return { entries: named, layersBehind: behind.size, notes };
}

function tensors(count: number): string {
  return count === 1 ? "a tensor" : `${count} tensors`;
}

/** The part of a name that says which tower it belongs to. */
function towerOf(name: string): string {
  const parts = name.split(".");
  return parts.slice(0, parts[0] === "model" ? 2 : 1).join(".");
}
