/** Which backend runs. */
import type { BackendName } from "./conversion.types.ts";
import { hasWasmSimd } from "./wasm-module.ts";

/** The wanted one, or `scalar` where the machine has no WebAssembly SIMD. */
export function chooseBackend(wanted: BackendName = "wasm"): BackendName {
  return wanted === "wasm" && !hasWasmSimd() ? "scalar" : wanted;
}
