/** Shapes that contradict the config: llama.cpp would refuse the file; better before hours of work than after. */
import { QuantizeError } from "../../errors.ts";
import { quote } from "../../text/quote.ts";
import type { Metadata, Tensor } from "../model.ts";

/** Tensors whose rows take in, and those that give out, as many numbers as the embeddings have. */
const TAKES_IN =
  /^(token_embd|output|output_norm|blk\.\d+\.(attn_norm|attn_q|attn_k|attn_v|attn_qkv|ffn_norm|ffn_gate|ffn_up|ffn_gate_inp))\.weight$/;
const GIVES_OUT = /^blk\.\d+\.(attn_output|ffn_down)\.weight$/;

/** @throws QuantizeError `bad-format` naming the first tensor that does not fit, and the key that it contradicts */
export function checkShapes(tensors: readonly Tensor[], metadata: Metadata, architecture: string, where: string): void {
  const width = metadata.get(`${architecture}.embedding_length`);
  if (width?.type !== "uint32") return;
  for (const { name, shape } of tensors) {
    const [columns, rows] = shape;
    const found = TAKES_IN.test(name) ? columns : GIVES_OUT.test(name) ? rows : undefined;
    if (found === undefined || found === width.value) continue;
    const expected = `expected a width of ${String(width.value)} (embedding_length)`;
    throw new QuantizeError("bad-format", `${where}: tensor ${quote(name)}: ${expected}, found [${shape.join(", ")}]`);
  }
}
