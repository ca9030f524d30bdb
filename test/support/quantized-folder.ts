/**
 * Folders of a tiny Llama whose projections are quantized in one of the ways that the hub knows. Pieces and the values
 * that they stand for are made here by the definition of each format, without the program's own code.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./gguf-file.ts";
import { storedTensors, type StoredTensor } from "./safetensors-file.ts";
import { gaussian, uniform } from "./weights.ts";

/** What lies in a folder for one matrix, by endings behind the stem of its name, and what it means, row-major. */
export interface QuantizedMatrix {
  readonly pieces: Readonly<Record<string, StoredTensor>>;
  readonly values: Float32Array;
}

/** A way to quantize: settings of the config or files beside it, and how it stores a matrix. */
export interface QuantizedForm {
  readonly name: string;
  readonly settings?: object;
  readonly files?: Readonly<Record<string, object>>;
  readonly make: (rows: number, columns: number, seed: number) => QuantizedMatrix;
}

export const HIDDEN = 128;
export const INTER = 192;
export const VOCABULARY = 8;

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  ...{ hidden_size: HIDDEN, intermediate_size: INTER, num_hidden_layers: 1, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, vocab_size: VOCABULARY, max_position_embeddings: 16, tie_word_embeddings: true },
};

/** Outputs and inputs of the projections. */
export const PROJECTIONS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  "model.layers.0.self_attn.q_proj": [128, HIDDEN],
  "model.layers.0.self_attn.k_proj": [64, HIDDEN],
  "model.layers.0.self_attn.v_proj": [64, HIDDEN],
  "model.layers.0.self_attn.o_proj": [HIDDEN, 128],
  "model.layers.0.mlp.gate_proj": [INTER, HIDDEN],
  "model.layers.0.mlp.up_proj": [INTER, HIDDEN],
  "model.layers.0.mlp.down_proj": [HIDDEN, INTER],
};

const fround = Math.fround;

function f32(shape: readonly number[], values: ArrayLike<number>): StoredTensor {
  return { dtype: "F32", shape, data: Float32Array.from(values) };
}

/** Numbers as bf16, which must be some exactly. */
function bf16(shape: readonly number[], values: ArrayLike<number>): StoredTensor {
  const words = new Uint32Array(Float32Array.from(values).buffer);
  return { dtype: "BF16", shape, data: Uint16Array.from(words, (word) => word >>> 16) };
}

/** Powers of two and their halves more: exact in every float format. */
function scalesOf(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => (random() < 0.5 ? 1 : 1.5) * 2 ** -Math.floor(3 + random() * 5));
}

/** Value of an f8_e4m3. */
function e4m3(byte: number): number {
  const [exponent, mantissa] = [(byte >> 3) & 15, byte & 7];
  const magnitude = exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7);
  return byte & 0x80 ? -magnitude : magnitude;
}

/** Value of a 4-bit float; ggml knows no negative zero. */
function e2m1(code: number): number {
  return [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6][code]!;
}

/** Bytes of finite f8_e4m3. */
function floats8(count: number, random: () => number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.floor(random() * 127) | (random() < 0.5 ? 0x80 : 0));
}

function codes4(count: number, random: () => number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.floor(random() * 16));
}

/** Pairs of neighbours as bytes. */
function pairs(codes: Uint8Array, lowFirst: boolean): Uint8Array {
  return Uint8Array.from({ length: codes.length / 2 }, (_, i) => {
    const [a, b] = [codes[2 * i]!, codes[2 * i + 1]!];
    return lowFirst ? a | (b << 4) : (a << 4) | b;
  });
}

/** Eight codes of 4 bits in each word: field `k` of a word is the code that `codeAt` gives for it. */
function words(count: number, codeAt: (word: number, field: number) => number): Int32Array {
  return Int32Array.from({ length: count }, (_, word) => {
    let bits = 0;
    for (let field = 0; field < 8; field++) bits |= codeAt(word, field) << (4 * field);
    return bits;
  });
}

const product = (rows: number, columns: number, valueAt: (row: number, column: number) => number) =>
  Float32Array.from({ length: rows * columns }, (_, i) => fround(valueAt(Math.floor(i / columns), i % columns)));

const groups = (weights: object) => ({ group_0: { targets: ["Linear"], weights } });

function eightBits(
  rows: number,
  columns: number,
  seed: number,
  ending: string,
  shape: readonly number[],
  block: readonly [number, number],
): QuantizedMatrix {
  const random = uniform(seed);
  const bytes = floats8(rows * columns, random);
  const scales = scalesOf(
    shape.reduce((a, b) => a * b, 1),
    random,
  );
  const perRow = Math.ceil(columns / block[1]);
  return {
    pieces: { ".weight": { dtype: "F8_E4M3", shape: [rows, columns], data: bytes }, [ending]: bf16(shape, scales) },
    values: product(rows, columns, (row, column) => {
      return (
        e4m3(bytes[row * columns + column]!) *
        scales[Math.floor(row / block[0]) * perRow + Math.floor(column / block[1])]!
      );
    }),
  };
}

/** GPTQ: `qweight` of [inputs / 8, outputs], zeros of its first version one too small. */
function gptq(rows: number, columns: number, seed: number, zeroOffset: number, isOrdered: boolean): QuantizedMatrix {
  const [random, size] = [uniform(seed), 32];
  const [codes, count] = [codes4(rows * columns, random), columns / size];
  const zeros = Uint8Array.from({ length: count * rows }, () => 1 + Math.floor(random() * 15));
  const scales = scalesOf(count * rows, random);
  const index = Int32Array.from({ length: columns }, (_, i) => (isOrdered ? Math.floor(i / size) : (i * 7) % count));
  return {
    pieces: {
      ".qweight": {
        ...{ dtype: "I32", shape: [columns / 8, rows] },
        data: words((columns / 8) * rows, (word, field) => {
          return codes[(word % rows) * columns + 8 * Math.floor(word / rows) + field]!;
        }),
      },
      ".qzeros": {
        ...{ dtype: "I32", shape: [count, rows / 8] },
        data: words((count * rows) / 8, (word, field) => zeros[8 * word + field]! - zeroOffset),
      },
      ".scales": bf16([count, rows], scales),
      ".g_idx": { dtype: "I32", shape: [columns], data: index },
    },
    values: product(rows, columns, (row, column) => {
      const at = index[column]! * rows + row;
      return (codes[row * columns + column]! - zeros[at]!) * scales[at]!;
    }),
  };
}

/** AWQ: `qweight` of [inputs, outputs / 8], outputs of a word in the order 0, 2, 4, 6, 1, 3, 5, 7. */
function awq(rows: number, columns: number, seed: number): QuantizedMatrix {
  const [random, size, order] = [uniform(seed), 64, [0, 2, 4, 6, 1, 3, 5, 7]];
  const [codes, count] = [codes4(rows * columns, random), columns / size];
  const zeros = codes4(count * rows, random);
  const scales = scalesOf(count * rows, random);
  const place = (word: number, field: number) => 8 * (word % (rows / 8)) + order[field]!;
  return {
    pieces: {
      ".qweight": {
        ...{ dtype: "I32", shape: [columns, rows / 8] },
        data: words((columns * rows) / 8, (word, field) => {
          return codes[place(word, field) * columns + Math.floor(word / (rows / 8))]!;
        }),
      },
      ".qzeros": {
        ...{ dtype: "I32", shape: [count, rows / 8] },
        data: words((count * rows) / 8, (word, field) => {
          return zeros[Math.floor(word / (rows / 8)) * rows + place(word, field)]!;
        }),
      },
      ".scales": bf16([count, rows], scales),
    },
    values: product(rows, columns, (row, column) => {
      const at = Math.floor(column / size) * rows + row;
      return (codes[row * columns + column]! - zeros[at]!) * scales[at]!;
    }),
  };
}

/** compressed-tensors: `weight_packed` of [outputs, inputs / 8], zeros packed along outputs. */
function packQuantized(rows: number, columns: number, seed: number, hasZeros: boolean): QuantizedMatrix {
  const [random, size] = [uniform(seed), 64];
  const [codes, count] = [codes4(rows * columns, random), columns / size];
  const zeros = hasZeros ? codes4(rows * count, random) : new Uint8Array(rows * count).fill(8);
  const scales = scalesOf(rows * count, random);
  const zeroPieces = {
    ".weight_zero_point": {
      ...{ dtype: "I32", shape: [rows / 8, count] },
      data: words((rows * count) / 8, (word, field) => {
        return zeros[(8 * Math.floor(word / count) + field) * count + (word % count)]!;
      }),
    },
  };
  return {
    pieces: {
      ".weight_packed": {
        ...{ dtype: "I32", shape: [rows, columns / 8] },
        data: words((rows * columns) / 8, (word, field) => codes[8 * word + field]!),
      },
      ".weight_scale": bf16([rows, count], scales),
      ".weight_shape": { dtype: "I64", shape: [2], data: BigInt64Array.of(BigInt(rows), BigInt(columns)) },
      ...(hasZeros ? zeroPieces : {}),
    },
    values: product(rows, columns, (row, column) => {
      const at = row * count + Math.floor(column / size);
      return (codes[row * columns + column]! - zeros[at]!) * scales[at]!;
    }),
  };
}

/** 4-bit floats, an 8-bit float for each 16, and a scale of the tensor, which may be stored as its reciprocal. */
function nvfp4(rows: number, columns: number, seed: number, isNvidia: boolean): QuantizedMatrix {
  const random = uniform(seed);
  const codes = codes4(rows * columns, random);
  const scales = Uint8Array.from({ length: (rows * columns) / 16 }, () => 16 + Math.floor(random() * 100));
  const whole = 2 ** -Math.floor(random() * 8);
  const data = pairs(codes, true);
  const scalePiece = { dtype: "F8_E4M3", shape: [rows, columns / 16], data: scales };
  return {
    pieces: isNvidia
      ? {
          ".weight": { dtype: "U8", shape: [rows, columns / 2], data },
          ".weight_scale": scalePiece,
          ".weight_scale_2": f32([], [whole]),
          ".input_scale": f32([], [0.25]),
        }
      : {
          ".weight_packed": { dtype: "U8", shape: [rows, columns / 2], data },
          ".weight_scale": scalePiece,
          ".weight_global_scale": f32([1], [1 / whole]),
          ".input_global_scale": f32([1], [4]),
        },
    values: product(rows, columns, (row, column) => {
      return e2m1(codes[row * columns + column]!) * e4m3(scales[(row * columns + column) >> 4]!) * whole;
    }),
  };
}

/** 4-bit floats and an exponent for each 32. */
function mxfp4(rows: number, columns: number, seed: number): QuantizedMatrix {
  const random = uniform(seed);
  const codes = codes4(rows * columns, random);
  const exponents = Uint8Array.from({ length: (rows * columns) / 32 }, () => 115 + Math.floor(random() * 10));
  return {
    pieces: {
      ".weight_packed": { dtype: "U8", shape: [rows, columns / 2], data: pairs(codes, true) },
      ".weight_scale": { dtype: "U8", shape: [rows, columns / 32], data: exponents },
    },
    values: product(rows, columns, (row, column) => {
      return e2m1(codes[row * columns + column]!) * 2 ** (exponents[(row * columns + column) >> 5]! - 127);
    }),
  };
}

/** bitsandbytes: codes of a table, high nibble first; scales that may be codes of another table. */
function nf4(rows: number, columns: number, seed: number, isNested: boolean): QuantizedMatrix {
  const [random, blocksize, outerSize] = [uniform(seed), 64, 256];
  const normal = gaussian(random);
  const codes = codes4(rows * columns, random);
  const table = Float32Array.from({ length: 16 }, normal);
  const blocks = (rows * columns) / blocksize;
  const outerTable = Float32Array.from({ length: 256 }, normal);
  const scaleCodes = Uint8Array.from({ length: blocks }, () => Math.floor(random() * 256));
  const outer = Float32Array.from({ length: Math.ceil(blocks / outerSize) }, () => 1 + random());
  const offset = 0.75;
  const nestedScale = (i: number) =>
    fround(fround(outerTable[scaleCodes[i]!]! * outer[Math.floor(i / outerSize)]!) + offset);
  const scales = Float32Array.from({ length: blocks }, (_, i) => (isNested ? nestedScale(i) : 1 + random()));
  const state = {
    ...{ quant_type: "nf4", blocksize, dtype: "bfloat16", shape: [rows, columns] },
    ...(isNested ? { nested_blocksize: outerSize, nested_offset: offset, nested_dtype: "float32" } : {}),
  };
  const text = new TextEncoder().encode(JSON.stringify(state));
  return {
    pieces: {
      ".weight": { dtype: "U8", shape: [(rows * columns) / 2, 1], data: pairs(codes, false) },
      ".weight.absmax": isNested ? { dtype: "U8", shape: [blocks], data: scaleCodes } : f32([blocks], scales),
      ".weight.quant_map": f32([16], table),
      ".weight.quant_state.bitsandbytes__nf4": { dtype: "U8", shape: [text.length], data: text },
      ...(isNested
        ? { ".weight.nested_absmax": f32([outer.length], outer), ".weight.nested_quant_map": f32([256], outerTable) }
        : {}),
    },
    values: product(rows, columns, (row, column) => {
      const at = row * columns + column;
      return table[codes[at]!]! * scales[Math.floor(at / blocksize)]!;
    }),
  };
}

/** bitsandbytes' 8 bits: a row's largest magnitude stands for 127. */
function int8(rows: number, columns: number, seed: number): QuantizedMatrix {
  const random = uniform(seed);
  const codes = Int8Array.from({ length: rows * columns }, () => Math.floor(random() * 255) - 127);
  const most = Float32Array.from({ length: rows }, () => 1 + random());
  return {
    pieces: { ".weight": { dtype: "I8", shape: [rows, columns], data: codes }, ".SCB": f32([rows], most) },
    values: product(rows, columns, (row, column) => {
      return codes[row * columns + column]! * fround(most[row]! * fround(1 / 127));
    }),
  };
}

/** compressed-tensors' 8 bits of integers, a scale for each row. */
function intQuantized(rows: number, columns: number, seed: number): QuantizedMatrix {
  const random = uniform(seed);
  const codes = Int8Array.from({ length: rows * columns }, () => Math.floor(random() * 256) - 128);
  const scales = scalesOf(rows, random);
  return {
    pieces: {
      ".weight": { dtype: "I8", shape: [rows, columns], data: codes },
      ".weight_scale": bf16([rows, 1], scales),
    },
    values: product(rows, columns, (row, column) => codes[row * columns + column]! * scales[row]!),
  };
}

const FP8_BLOCKS = { quant_method: "fp8", weight_block_size: [64, 96] };

/** Every way that is read as floats. */
export const FLOAT_FORMS: readonly QuantizedForm[] = [
  {
    name: "FP8 in blocks (DeepSeek)",
    settings: FP8_BLOCKS,
    make: (rows, columns, seed) => {
      const shape = [Math.ceil(rows / 64), Math.ceil(columns / 96)];
      return eightBits(rows, columns, seed, ".weight_scale_inv", shape, [64, 96]);
    },
  },
  {
    name: "FP8 with a scale for the tensor (NVIDIA)",
    files: { "hf_quant_config.json": { quantization: { quant_algo: "FP8" } } },
    make: (rows, columns, seed) => eightBits(rows, columns, seed, ".weight_scale", [], [rows, columns]),
  },
  {
    name: "FP8 with a scale for each row (compressed-tensors)",
    settings: {
      quant_method: "compressed-tensors",
      format: "float-quantized",
      config_groups: groups({ type: "float", num_bits: 8 }),
    },
    make: (rows, columns, seed) => eightBits(rows, columns, seed, ".weight_scale", [rows, 1], [1, columns]),
  },
  {
    name: "8-bit integers (compressed-tensors)",
    settings: { quant_method: "compressed-tensors", format: "int-quantized" },
    make: intQuantized,
  },
  {
    name: "4-bit integers (compressed-tensors)",
    settings: {
      quant_method: "compressed-tensors",
      format: "pack-quantized",
      config_groups: groups({ type: "int", num_bits: 4 }),
    },
    make: (rows, columns, seed) => packQuantized(rows, columns, seed, false),
  },
  {
    name: "4-bit integers with zeros (compressed-tensors)",
    settings: {
      quant_method: "compressed-tensors",
      format: "pack-quantized",
      config_groups: groups({ type: "int", num_bits: 4 }),
    },
    make: (rows, columns, seed) => packQuantized(rows, columns, seed, true),
  },
  {
    name: "GPTQ",
    settings: { quant_method: "gptq", bits: 4, group_size: 32 },
    make: (rows, columns, seed) => gptq(rows, columns, seed, 1, true),
  },
  {
    name: "GPTQ of the second version, with activation order, marked by a file of its own",
    files: { "quantize_config.json": { bits: 4, group_size: 32, desc_act: true, checkpoint_format: "gptq_v2" } },
    make: (rows, columns, seed) => gptq(rows, columns, seed, 0, false),
  },
  { name: "AWQ", settings: { quant_method: "awq", bits: 4, group_size: 64, version: "gemm" }, make: awq },
  {
    name: "bitsandbytes' 4 bits",
    settings: { quant_method: "bitsandbytes", load_in_4bit: true },
    make: (rows, columns, seed) => nf4(rows, columns, seed, false),
  },
  {
    name: "bitsandbytes' 4 bits with scales that are codes",
    settings: { quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_use_double_quant: true },
    make: (rows, columns, seed) => nf4(rows, columns, seed, true),
  },
  {
    name: "bitsandbytes' 8 bits",
    settings: { quant_method: "bitsandbytes", load_in_8bit: true },
    make: int8,
  },
];

/** The ways whose blocks are moved. */
export const BLOCK_FORMS: readonly (QuantizedForm & { readonly codec: string })[] = [
  {
    ...{ name: "NVFP4 (NVIDIA)", codec: "nvfp4" },
    files: { "hf_quant_config.json": { quantization: { quant_algo: "NVFP4", group_size: 16 } } },
    make: (rows, columns, seed) => nvfp4(rows, columns, seed, true),
  },
  {
    ...{ name: "NVFP4 (compressed-tensors)", codec: "nvfp4" },
    settings: { quant_method: "compressed-tensors", format: "nvfp4-pack-quantized" },
    make: (rows, columns, seed) => nvfp4(rows, columns, seed, false),
  },
  {
    ...{ name: "MXFP4 (compressed-tensors)", codec: "mxfp4" },
    settings: { quant_method: "compressed-tensors", format: "mxfp4-pack-quantized" },
    make: mxfp4,
  },
];

/** A folder, and what its projections mean. */
export interface QuantizedFolder {
  readonly path: string;
  readonly values: Readonly<Record<string, Float32Array>>;
}

/** @param change of what is stored, to make faults */
export function quantizedFolder(
  { settings, files = {}, make }: QuantizedForm,
  change: (tensors: Record<string, StoredTensor>) => void = () => {},
): QuantizedFolder {
  const made = Object.entries(PROJECTIONS).map(([stem, [rows, columns]], i) => {
    return [stem, make(rows, columns, i + 1)] as const;
  });
  const quantized = made.flatMap(([stem, { pieces }]) =>
    Object.entries(pieces).map(([ending, piece]) => [stem + ending, piece]),
  );
  const values = Object.fromEntries(made.map(([stem, matrix]) => [stem, matrix.values]));
  const tensors = { ...Object.fromEntries(quantized), ...outside() } as Record<string, StoredTensor>;
  change(tensors);
  const path = temporaryFolder();
  const config = settings === undefined ? CONFIG : { ...CONFIG, quantization_config: settings };
  for (const [name, content] of Object.entries({ "config.json": config, ...files })) {
    writeFileSync(join(path, name), JSON.stringify(content));
  }
  writeFileSync(join(path, "model.safetensors"), storedTensors(tensors));
  return { path, values };
}

/** The folder of the floats that another one means. */
export function floatFolder(values: QuantizedFolder["values"]): string {
  const tensors = Object.entries(values).map(([stem, numbers]) => {
    return [`${stem}.weight`, f32(PROJECTIONS[stem]!, numbers)] as const;
  });
  const path = temporaryFolder();
  writeFileSync(join(path, "config.json"), JSON.stringify(CONFIG));
  writeFileSync(join(path, "model.safetensors"), storedTensors({ ...Object.fromEntries(tensors), ...outside() }));
  return path;
}

function outside(): Record<string, StoredTensor> {
  const random = gaussian(uniform(99));
  const make = (...shape: number[]) => {
    return f32(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random));
  };
  return {
    "model.embed_tokens.weight": make(VOCABULARY, HIDDEN),
    "model.norm.weight": make(HIDDEN),
    "model.layers.0.input_layernorm.weight": make(HIDDEN),
    "model.layers.0.post_attention_layernorm.weight": make(HIDDEN),
  };
}
