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

function openLlama() {
  const koffi = require("koffi");
  const globally = { global: true };
  koffi.load(library(/^libggml-base\.so$/), globally);
  const ggml = koffi.load(library(/^libggml\.v.*\.so$/), globally);
  const llama = koffi.load(library(/^libllama\.v.*\.so$/), globally);
  return { koffi, ggml, llama };
}

/** libllama with its back ends loaded: `{ koffi, quantize(input, output, params) }`. */
export function loadLlama() {
  const { koffi, ggml, llama } = openLlama();
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

let logErrors;

/** Types of `loadVocabulary`: a process may name each only once. */
function declareTypes(koffi) {
  if (logErrors !== undefined) return;
  koffi.struct("ModelParams", {
    devices: "void *",
    tensor_buft_overrides: "void *",
    n_gpu_layers: "int32_t",
    split_mode: "int32_t",
    load_mode: "int32_t",
    lazy_mode: "int32_t",
    main_gpu: "int32_t",
    tensor_split: "void *",
    progress_callback: "void *",
    progress_callback_user_data: "void *",
    kv_overrides: "void *",
    vocab_only: "bool",
    room_for_newer_versions: koffi.array("uint8_t", 64),
  });
  koffi.proto("void LogCallback(int level, const char *text, void *data)");
  logErrors = koffi.register((level, text) => void (level >= 4 && process.stderr.write(text)), "LogCallback *");
}

/** The vocabulary of a GGUF file in llama.cpp, without weights. */
export function loadVocabulary(path) {
  const { koffi, llama } = openLlama();
  declareTypes(koffi);
  llama.func("void llama_log_set(LogCallback *callback, void *data)")(logErrors, null);
  llama.func("void llama_backend_init()")();
  const defaults = llama.func("ModelParams llama_model_default_params()");
  const model = llama.func("void *llama_model_load_from_file(const char *path, ModelParams params)")(path, {
    ...defaults(),
    vocab_only: true,
  });
  if (model === null) throw new Error(`llama.cpp could not load ${path}`);
  const vocab = llama.func("void *llama_model_get_vocab(void *model)")(model);
  const ask = (type, name) => {
    const call = llama.func(`${type} llama_vocab_${name}(void *vocab)`);
    return () => call(vocab);
  };
  const isEndOfGeneration = llama.func("bool llama_vocab_is_eog(void *vocab, int32_t id)");
  const tokenize = llama.func(
    "int32_t llama_tokenize(void *vocab, const uint8_t *text, int32_t length, _Out_ int32_t *tokens, int32_t room, bool special, bool parse)",
  );
  const tokenPiece = llama.func(
    "int32_t llama_token_to_piece(void *vocab, int32_t id, _Out_ uint8_t *text, int32_t room, int32_t strip, bool special)",
  );
  const room = Buffer.alloc(4096);
  return {
    size: ask("int32_t", "n_tokens"),
    bos: ask("int32_t", "bos"),
    eos: ask("int32_t", "eos"),
    eot: ask("int32_t", "eot"),
    addsBos: ask("bool", "get_add_bos"),
    addsEos: ask("bool", "get_add_eos"),
    isEndOfGeneration: (id) => isEndOfGeneration(vocab, id),
    /** Bytes of a token in a text. */
    piece(id, special) {
      const length = tokenPiece(vocab, id, room, room.length, 0, special);
      if (length < 0) throw new Error(`token ${id} has ${-length} bytes`);
      return Buffer.from(room.subarray(0, length));
    },
    /** Ids of a text; lone surrogates count as U+FFFD. */
    encode(text, addSpecial, parseSpecial) {
      const bytes = Buffer.from(text);
      // A space that becomes U+2581 may take three tokens.
      const tokens = new Int32Array(bytes.length * 3 + 8);
      const count = tokenize(vocab, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial);
      if (count < 0) throw new Error(`${-count} tokens for ${bytes.length} bytes`);
      return Array.from(tokens.subarray(0, count));
    },
  };
}

/** llama.cpp's Unicode tables: `{ flags(code), lower(code), isHan(code) }`. The names are C++'s. */
export function loadUnicode() {
  const { llama } = openLlama();
  return {
    flags: llama.func("uint16_t _Z26unicode_cpt_flags_from_cptj(uint32_t code)"),
    lower: llama.func("uint32_t _Z15unicode_tolowerj(uint32_t code)"),
    isHan: llama.func("bool _Z18unicode_cpt_is_hanj(uint32_t code)"),
  };
}
