/** Inputs of the kernel tests: deterministic, made from nothing. */
import type { Codebook, CodebookFormat } from "#dist/codecs/codec.js";

/** Numbers uniform in -1..1. */
export function noise(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** 200 of 256 tables and levels, so that some block bytes name none. */
export function someCodebook(format: CodebookFormat): Codebook {
  return {
    tables: Int8Array.from(noise(format.tableLength * 200, 5), (x) => x * 127),
    levels: noise(200, 6).map((x) => x / 100),
  };
}
