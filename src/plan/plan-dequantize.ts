/** The plan that turns every quantized tensor into floats and leaves the others as they are. */
import { isQuantized, rowBytes } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { rowCount, type Model } from "../read/model.ts";
import { placeInDataSection } from "../read/gguf/gguf-types.ts";
import { storableType } from "./adapt-to-shape.ts";
import { alignmentOf, outputMetadata } from "./output-metadata.ts";
import type { Plan } from "./plan.ts";
import type { Reason } from "./reason.ts";
import { inOutputOrder } from "./tensor-order.ts";

/** Float types that quantized tensors can be turned into. */
export const FLOAT_TYPES = ["f16", "bf16", "f32"] as const;
export type FloatType = (typeof FLOAT_TYPES)[number];

const FLOAT: Reason = { code: "never-quantized", what: "float" };
const DEQUANTIZED: Reason = { code: "dequantized" };

/** @param to float type of the tensors that were quantized */
export function planDequantize(model: Model, to: FloatType): Plan {
  const metadata = outputMetadata(model.metadata, { fileType: findFormat(to)!.fileType });
  const alignment = alignmentOf(metadata);
  const sized = inOutputOrder(model.tensors).map((tensor) => {
    const codec = isQuantized(findFormat(tensor.codec)!) ? to : storableType(tensor);
    return { tensor, codec, byteLength: rowBytes(findFormat(codec)!, tensor.shape[0]!) * rowCount(tensor.shape) };
  });
  const { offsets } = placeInDataSection(
    sized.map(({ byteLength }) => byteLength),
    alignment,
  );
  const tensors = sized.map((planned, index) => ({
    ...planned,
    layout: "rows",
    reason: planned.codec === planned.tensor.codec ? FLOAT : DEQUANTIZED,
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
