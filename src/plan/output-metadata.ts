/** The key-value pairs of the output: the source's, with the few that a conversion makes untrue set right. */
import type { Imatrix } from "../imatrix/imatrix.types.ts";
import { DEFAULT_ALIGNMENT } from "../read/gguf/gguf-types.ts";
import type { Metadata } from "../read/model.ts";
import { withoutStorageKeys } from "../container/manifest-keys.ts";

/** Version of ggml's block formats (`GGML_QNT_VERSION`). */
const QUANTIZATION_VERSION = 2;

/** Strings of these keys are cut to 127 bytes by llama.cpp, and read so by its tools. */
const MAX_OVERRIDE_BYTES = 127;

function setText(metadata: Metadata, key: string, text: string): void {
  let value = text;
  while (Buffer.byteLength(value) > MAX_OVERRIDE_BYTES) value = value.slice(0, -1);
  metadata.set(key, { type: "string", value });
}

/** What is to be said of the output. */
export interface OutputFacts {
  /** `general.file_type`; undefined removes the key, since the source's would be untrue. */
  readonly fileType: number | "keep" | undefined;
  readonly imatrix?: Imatrix | undefined;
  /** Every tensor stays as it is encoded: then the source's word for the block formats does too. */
  readonly isCopied?: boolean;
}

/** Builds the output's metadata. Keys keep their order and types; new keys come last. */
export function outputMetadata(source: Metadata, { fileType, imatrix, isCopied = false }: OutputFacts): Metadata {
  const metadata: Metadata = withoutStorageKeys(source);
  for (const key of ["split.no", "split.count", "split.tensors.count"]) metadata.delete(key);
  if (!isCopied) metadata.set("general.quantization_version", { type: "uint32", value: QUANTIZATION_VERSION });
  if (fileType === undefined) metadata.delete("general.file_type");
  else if (fileType !== "keep") metadata.set("general.file_type", { type: "uint32", value: fileType });
  if (imatrix !== undefined) {
    setText(metadata, "quantize.imatrix.file", imatrix.path);
    const [dataset] = imatrix.datasets;
    if (dataset !== undefined) setText(metadata, "quantize.imatrix.dataset", dataset);
    metadata.set("quantize.imatrix.entries_count", { type: "uint32", value: imatrix.entries.size });
    if (imatrix.chunkCount !== undefined && imatrix.chunkCount > 0)
      metadata.set("quantize.imatrix.chunks_count", { type: "uint32", value: imatrix.chunkCount });
  }
  return metadata;
}

/** The alignment that the output's metadata state, or the default. */
export function alignmentOf(metadata: Metadata): number {
  const stated = metadata.get("general.alignment");
  return stated?.type === "uint32" && typeof stated.value === "number" && stated.value > 0
    ? stated.value
    : DEFAULT_ALIGNMENT;
}
