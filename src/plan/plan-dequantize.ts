/** The plan that turns every quantized tensor into floats and leaves the others as they are. */
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { rowCount, type Model, type Tensor } from "../read/model.ts";
import { placeInDataSection } from "../read/gguf/gguf-types.ts";
import { storableType } from "./adapt-to-shape.ts";
import { FLOAT_FILE_TYPES } from "./recipes/mixes.ts";
import { alignmentOf, outputMetadata } from "./output-metadata.ts";
import type { Plan } from "./plan.ts";
import { inOutputOrder } from "./tensor-order.ts";

function isQuantized(tensor: Tensor): boolean {
  return findFormat(tensor.codec)?.kind !== "float";
}

/** @param to float type of the tensors that were quantized */
export function planDequantize(model: Model, to: "f16" | "bf16" | "f32"): Plan {
  const metadata = outputMetadata(model.metadata, FLOAT_FILE_TYPES[to]);
  const alignment = alignmentOf(metadata);
  const sized = inOutputOrder(model.tensors).map((tensor) => {
    const codec = isQuantized(tensor) ? to : storableType(tensor);
    return { tensor, codec, byteLength: rowBytes(findFormat(codec)!, tensor.shape[0]!) * rowCount(tensor.shape) };
  });
  const { offsets } = placeInDataSection(
    sized.map(({ byteLength }) => byteLength),
    alignment,
  );
  const tensors = sized.map((planned, index) => ({
    ...planned,
    layout: "rows",
    reason: planned.codec === planned.tensor.codec ? "kept: float" : "dequantize",
    isFallback: false,
    file: 0,
    byteOffset: offsets[index]!,
  }));
  return {
    model,
    tensors,
    metadata,
    alignment,
    fileCount: 1,
    scheme: to,
    recipe: { scheme: to, allowRequantize: true },
    ruleHits: [],
    warnings: [],
  };
}
