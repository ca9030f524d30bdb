/** The hash of what was learned for a tensor: its tables and scale levels, as the file holds them. */
import type { Codebook } from "../../codecs/codec.ts";
import { xxh64Add, xxh64Finish, xxh64Start, XXH64_STATE_BYTES } from "./xxh64.ts";

/** XXH64 of all tables (int8), slice after slice, then of all levels (f32, little-endian), slice after slice. */
export function hashCodebooks(codebooks: readonly Codebook[]): bigint {
  const state = new Uint8Array(XXH64_STATE_BYTES);
  xxh64Start(state);
  const add = (values: Int8Array | Float32Array): void =>
    xxh64Add(state, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  for (const { tables } of codebooks) add(tables);
  for (const { levels } of codebooks) add(levels);
  return xxh64Finish(state);
}
