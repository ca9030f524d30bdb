/** What `quantize layouts` lists: the memory orders of every block format, and the processors they are for. */
import { allFormats } from "../../codecs/registry.ts";
import { weavesOf } from "../../layouts/registry.ts";

export interface LayoutDescription {
  readonly codec: string;
  readonly layout: string;
  /** Rows woven together; the row count of a tensor must be a multiple. */
  readonly rowsPerGroup: number;
  /** Bytes of codes taken from a row before the next row's turn. */
  readonly chunkBytes: string;
  /** Instructions that read this order best. */
  readonly target: string;
}

const TARGETS: Readonly<Record<string, string>> = {
  rows: "any CPU, GPUs, row lookup (embeddings)",
  "4x4": "Arm with dot products (SDOT)",
  "4x8": "Arm with int8 matrix products (SMMLA, i8mm)",
  "8x4": "Arm with dot products (SDOT)",
  "8x8": "Arm with i8mm, or SVE of 256 bits; AVX2",
  "16x1": "RISC-V vectors of 256 bits",
};

/** Every packed layout of every format that has one. */
export function describeLayouts(): readonly LayoutDescription[] {
  return allFormats().flatMap((format) =>
    weavesOf(format)
      .filter((weave) => weave.layout !== "rows")
      .map((weave) => ({
        codec: format.name,
        layout: weave.layout,
        rowsPerGroup: weave.rowsPerGroup,
        chunkBytes: weave.layout.split("x")[1] ?? "-",
        target: TARGETS[weave.layout] ?? "",
      })),
  );
}
