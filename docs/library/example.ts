// The examples of docs/library.md, as one program: node example.js <float model.gguf> <folder to write to>
// test/library.test.ts compiles and runs it as a user would, and compares its parts with the page.
import assert from "node:assert";
import { join } from "node:path";

const [input = "model.gguf", folder = "."] = process.argv.slice(2);
const output = join(folder, "model-q4_cb.gguf");

// #region job
import { quantize, QuantizeError, verify } from "gguf-quantize";

const report = await quantize({
  input,
  output,
  scheme: "q4_cb",
  layout: "4x8",
  maxNmse: 0.005,
  onProgress: ({ phase, weightsDone, weightsTotal }) => console.error(phase, weightsDone, weightsTotal),
});
console.log(report.totals.bitsPerWeight, report.totals.nmse);

const verified = await verify({ input: output, against: input });
console.log(verified.damaged.length, verified.nmse);
// #endregion
assert.ok(Math.abs(verified.nmse! - report.totals.nmse!) < 1e-6);

// #region errors
try {
  await quantize({ input, output, scheme: "q4_cb" });
} catch (error) {
  if (!(error instanceof QuantizeError)) throw error; // a defect
  console.log(error.code, error.message); // output-exists ...
}
// #endregion

// #region rows
import { findTensor, openModel, readRows, withTensorReader } from "gguf-quantize";

const model = await openModel(output); // .gguf, .safetensors, or a Hugging Face folder: headers only
const tensor = findTensor(model, "blk.0.ffn_up.weight");
console.log(tensor.shape, tensor.codec, tensor.layout); // [ 256, 512 ] q4_cb 4x8

const firstRows = await readRows(model, tensor, 0, 2); // Float32Array of 2 * 256 weights
const sums = await withTensorReader(model, tensor, ({ rows, weights }) => {
  // The files stay open; 64 rows are in memory at a time.
  let sum = 0;
  for (let row = 0; row < rows; row += 64) sum += weights(row, row + 64).reduce((total, w) => total + w, 0);
  return sum;
});
// #endregion
assert.equal(firstRows.length, 512);
assert.ok(Number.isFinite(sums));

// #region encode
import { findFormat, resolveCodec, rowBytes } from "gguf-quantize";

const q4_0 = resolveCodec("q4_0");
const blocks = new Uint8Array(2 * rowBytes(q4_0, 256));
q4_0.encode!(firstRows, blocks, { rowLength: 256 });

const decoded = new Float32Array(firstRows.length);
q4_0.decode(blocks, decoded);
console.log(findFormat("Q4_0")!.blockBytes); // 18: names are known in any letter case
// #endregion
assert.ok(decoded.every((weight, i) => Math.abs(weight - firstRows[i]!) < 0.1));

// #region pack
import { findLayout, locate, packRows, readMatrix, unpackRows } from "gguf-quantize";

const matrix = await readMatrix(model, tensor); // as stored: q4_cb, 4x8
const bytesPerRow = rowBytes(matrix.layout.format, matrix.rowLength);

const rowMajor = new Uint8Array(matrix.bytes.length);
unpackRows(matrix.layout, matrix.bytes, rowMajor, matrix.rows, bytesPerRow);

const layout = findLayout(matrix.layout.format, "8x8")!;
const packed = new Uint8Array(matrix.bytes.length);
packRows(layout, rowMajor, packed, matrix.rows, bytesPerRow);

for (const { field, label, byteOffset, bit, bits } of locate(layout, bytesPerRow, 5, 40).parts) {
  console.log(`${label}: ${bits} bits of field ${field}, from bit ${bit} of byte ${byteOffset}`);
}
// #endregion
assert.notDeepEqual(packed, matrix.bytes);

// #region multiply
import { prepareProduct } from "gguf-quantize";

const product = await prepareProduct(matrix); // on WebAssembly SIMD where there is some
const x = Float32Array.from({ length: 3 * matrix.rowLength }, (_, i) => Math.sin(i));
const y = product.multiply(x); // 3 rows of activations: 3 * matrix.rows sums
console.log(product.activations, y.length); // q8_0 1536

const scalar = await prepareProduct({ ...matrix, bytes: packed, layout }, { backend: "scalar" });
const same = scalar.multiply(x); // the definitions, and another memory order: the same bits
// #endregion
assert.deepEqual(same, y);

// #region activations
import { gemm, quantizeActivations, readActivations } from "gguf-quantize";

const activationBytes = quantizeActivations("q8_0", x, matrix.rowLength); // ggml's blocks, 34 bytes for 32 values
const activations = readActivations("q8_0", activationBytes, matrix.rowLength);
const products = new Float32Array(activations.rows * matrix.rows);
gemm(matrix, activations, products);
// #endregion
assert.deepEqual(products, y);

// #region workers
import { withWorkers } from "gguf-quantize";
import type { RowNormsSetup } from "./row-norms.js";

const norms = new Float64Array(new SharedArrayBuffer(512 * 8));
const setup: RowNormsSetup = { path: output, tensor: tensor.name, norms };
const rowsByThread = await withWorkers({ threads: 2 }, (workers) =>
  workers.run<number>(new URL("./row-norms.js", import.meta.url), setup, (note) => console.error(note)),
);
console.log(
  rowsByThread,
  norms.reduce((most, norm) => Math.max(most, norm), 0),
); // [ 256, 256 ] 1.4
// #endregion
assert.equal(
  rowsByThread.reduce((sum, rows) => sum + rows, 0),
  512,
);
assert.ok(norms.every((norm) => norm > 0));
console.log("all examples ran");
