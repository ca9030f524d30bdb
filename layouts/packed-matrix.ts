/** A matrix as kernels read it. */
import type { Codebook } from "../codecs/codec.ts";
import type { Layout } from "./layout.ts";

/** One weight matrix in its stored form, with all that is needed to compute with it. */
export interface PackedMatrix {
  /** Block format and memory order; `rows` is one of them. */
  readonly layout: Layout;
  /** `rows * rowBytes(layout.format, rowLength)` bytes. */
  readonly bytes: Uint8Array;
  /** A multiple of `layout.rowsPerGroup`. */
  readonly rows: number;
  readonly rowLength: number;
  /** Required for codebook formats. */
  readonly codebook?: Codebook;
}
