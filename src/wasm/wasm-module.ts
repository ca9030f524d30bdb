/** The WebAssembly module with the hot loops: found, compiled once, and posted to workers, which share its code. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Built by `npm run build` beside the compiled sources. */
const MODULE_PATH = fileURLToPath(new URL("../../quantize.wasm", import.meta.url));

/** A function that does nothing but return a vector's lane: valid only where SIMD is known. */
// prettier-ignore
const SIMD_PROBE = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic, version
  1, 5, 1, 0x60, 0, 1, 0x7f, // type: () -> i32
  3, 2, 1, 0, // one function of that type
  10, 11, 1, 9, 0, 0x41, 0, 0xfd, 0x11, 0xfd, 0x1b, 0, 0x0b, // i32.const 0, i32x4.splat, i32x4.extract_lane 0
]);

/** True where the machine runs fixed-width WebAssembly SIMD. */
export function hasWasmSimd(): boolean {
  return WebAssembly.validate(SIMD_PROBE);
}

/** Compiles the module. */
export function compileWasm(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(readFileSync(MODULE_PATH));
}
