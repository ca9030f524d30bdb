/**
 * ggml and libllama as shared libraries, found in the npm package that ships them. Plain JavaScript, so that child
 * processes can use it without a build.
 */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const platform = `linux-${process.arch}`;

/** The folder with libggml-base.so, libggml.*.so, libllama.*.so and the CPU back ends. */
export const LIBRARY_FOLDER = join(here, "node_modules/@node-llama-cpp", platform, "bins", platform);

const library = (pattern) =>
  join(
    LIBRARY_FOLDER,
    readdirSync(LIBRARY_FOLDER).find((name) => pattern.test(name)),
  );

/** ggml's quantizers: `{ ggml_quantize_chunk, ggml_row_size, ... , dequantize(name) }`. */
export function loadGgml() {
  const koffi = require("koffi");
  const base = koffi.load(library(/^libggml-base\.so$/));
  return {
    ggml_quantize_init: base.func("void ggml_quantize_init(int type)"),
    ggml_row_size: base.func("size_t ggml_row_size(int type, int64_t n)"),
    ggml_quantize_chunk: base.func(
      "size_t ggml_quantize_chunk(int type, const float *src, void *dst, int64_t start, int64_t nrows, int64_t n_per_row, const float *imatrix)",
    ),
    /** `void dequantize_row_<name>(const void *blocks, float *out, int64_t n)` */
    dequantizeRow: (name) => base.func(`void dequantize_row_${name}(const void *blocks, float *out, int64_t n)`),
    /** `void quantize_row_q8_K_ref(const float *x, void *y, int64_t n)` and its sisters. */
    quantizeRow: (name) => base.func(`void quantize_row_${name}_ref(const float *x, void *y, int64_t n)`),
  };
}

/** libllama with its back ends loaded: `{ koffi, quantize(input, output, params) }`. */
export function loadLlama() {
  const koffi = require("koffi");
  const globally = { global: true };
  koffi.load(library(/^libggml-base\.so$/), globally);
  const ggml = koffi.load(library(/^libggml\.v.*\.so$/), globally);
  const llama = koffi.load(library(/^libllama\.v.*\.so$/), globally);
  ggml.func("void ggml_backend_load_all_from_path(const char *dir)")(LIBRARY_FOLDER);
  llama.func("void llama_backend_init()")();

  koffi.struct("ImatrixEntry", { name: "const char *", data: "const float *", size: "size_t" });
  koffi.struct("TensorType", { pattern: "const char *", type: "int" });
  koffi.struct("QuantizeParams", {
    nthread: "int32_t",
    ftype: "int32_t",
    output_tensor_type: "int32_t",
    token_embedding_type: "int32_t",
    allow_requantize: "bool",
    quantize_output_tensor: "bool",
    only_copy: "bool",
    pure: "bool",
    keep_split: "bool",
    dry_run: "bool",
    imatrix: "const ImatrixEntry *",
    kv_overrides: "const void *",
    tt_overrides: "const TensorType *",
    prune_layers: "const int32_t *",
    room_for_newer_versions: koffi.array("uint8_t", 64),
  });
  const defaults = llama.func("QuantizeParams llama_model_quantize_default_params()");
  const run = llama.func(
    "uint32_t llama_model_quantize(const char *input, const char *output, const QuantizeParams *params)",
  );
  return { koffi, quantize: (input, output, params) => run(input, output, { ...defaults(), ...params }) };
}
