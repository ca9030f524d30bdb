/** The order of tensors in the output: llama.cpp's, by layer and then by name, so that files compare byte by byte. */
import { layerOf } from "./recipes/tensor-role.ts";

/** Compares the UTF-8 bytes of two strings. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Tensors outside the layers first, then layer after layer, each by name. A new array. */
export function inOutputOrder<T extends { readonly name: string }>(tensors: readonly T[]): T[] {
  return tensors
    .map((tensor) => ({ tensor, layer: layerOf(tensor.name) ?? -1 }))
    .sort((a, b) => a.layer - b.layer || compareBytes(a.tensor.name, b.tensor.name))
    .map(({ tensor }) => tensor);
}
