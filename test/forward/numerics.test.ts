/** The arithmetic of the forward pass: what the twins compute has the bits of the definitions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { preparedBytes } from "#dist/codecs/codebooks/prepared-codebook.js";
import { rowBytes, type BlockFormat } from "#dist/codecs/codec.js";
import { allFormats, isCodebookFormat, resolveCodec } from "#dist/codecs/registry.js";
import { layoutsOf } from "#dist/layouts/registry.js";
import { pack } from "#dist/layouts/pack.js";
import { activationKind, type Arithmetic } from "#dist/src/forward/projections.js";
import { codedRowLength, codeRow, summarize } from "#dist/src/forward/numerics/logits.js";
import { multiply, packPanel, panelLength } from "#dist/src/forward/numerics/multiply.js";
import type { MatrixForm, Numerics, RowChoice, ScoreRule } from "#dist/src/forward/numerics/numerics.js";
import { ACTIVATIONS } from "#dist/src/forward/numerics/row-functions.js";
import { scalarNumerics } from "#dist/src/forward/numerics/scalar-numerics.js";
import { headMemoryBytes, wasmNumerics } from "#dist/src/forward/numerics/wasm-numerics.js";
import { MODULE } from "../support/forward.js";
import { noise, someCodebook } from "../support/kernel-inputs.js";
import { KINDS } from "../support/weights.js";

const [ROWS, COLUMNS, X_ROWS, POSITIONS, HEAD] = [16, 256, 9, 40, 20];
const formats = allFormats();
const tableBytes = Math.max(...formats.map((format) => (isCodebookFormat(format) ? preparedBytes(format, 256) : 0)));

const wasm = wasmNumerics(MODULE, {
  tileWeights: ROWS * COLUMNS,
  tileBytes: Math.max(...formats.map((format) => rowBytes(format, COLUMNS))) * ROWS,
  tileRows: ROWS,
  tableBytes,
  columns: COLUMNS,
  positions: POSITIONS,
  vocabulary: 1000,
  headLength: HEAD,
  keptBytes: headMemoryBytes(POSITIONS, HEAD, HEAD) * 300,
});
const scalar = scalarNumerics();

/** The bits as text, which is compared at once. */
const bits = (values: Float32Array): string => Buffer.from(values.slice().buffer).toString("base64");

/** Row-major blocks: weights encoded or, of codebooks and types that are only read, bytes that stand for finite ones. */
function storedRows(format: BlockFormat): Uint8Array {
  const out = new Uint8Array(ROWS * rowBytes(format, COLUMNS));
  const encode = isCodebookFormat(format) ? undefined : resolveCodec(format.name).encode;
  const weights = noise(ROWS * COLUMNS, 3).map((x) => x / 10);
  if (encode !== undefined) encode(weights, out, { rowLength: COLUMNS });
  else out.set(noise(out.length, 21).map((x) => Math.abs(x) * (isCodebookFormat(format) ? 256 : 0x38)));
  return out;
}

/** Products of some rows with a matrix, as rows of `ROWS` sums. */
function products(numerics: Numerics, form: MatrixForm, stored: Uint8Array, choice: RowChoice): Float32Array {
  const floats = noise(X_ROWS * COLUMNS, 17);
  const kind = form.arithmetic;
  const quantized =
    kind === "float"
      ? {}
      : {
          [kind]: (() => {
            const size = numerics.quantizedRowBytes(kind, COLUMNS);
            const bytes = new Uint8Array(X_ROWS * size);
            for (let row = 0; row < X_ROWS; row++) {
              const from = floats.subarray(row * COLUMNS, (row + 1) * COLUMNS);
              numerics.quantizeRow(kind, from, bytes.subarray(row * size, (row + 1) * size));
            }
            return bytes;
          })(),
        };
  const tile = numerics.loadTile(form, ROWS, 0, (bytes) => bytes.set(stored));
  const count = choice instanceof Uint32Array ? choice.length : choice.count;
  const { values, stride } = numerics.multiply(tile, { columns: COLUMNS, floats, quantized }, choice, 0);
  const out = new Float32Array(count * ROWS);
  for (let row = 0; row < count; row++) out.set(values.subarray(row * stride, row * stride + ROWS), row * ROWS);
  return out;
}

describe("matrix products of every type in every layout", () => {
  const cases = formats
    .filter(({ name }) => !/^i\d/.test(name))
    .flatMap((format) =>
      layoutsOf(format).map((layout) => ({ format, layout, name: `${format.name}@${layout.name}` })),
    );

  test.each(cases)("$name", ({ format, layout }) => {
    const codebook = isCodebookFormat(format) ? someCodebook(format) : undefined;
    const rowMajor = storedRows(format);
    const stored = new Uint8Array(rowMajor.length);
    pack(layout, rowMajor, stored, ROWS, rowMajor.length / ROWS);
    const kinds = new Set(
      ["kernels", "float"].map((wanted) => activationKind(format.name, COLUMNS, wanted as Arithmetic)),
    );
    for (const kind of kinds) {
      const form: MatrixForm = {
        format,
        layout,
        ...(codebook && { codebook }),
        columns: COLUMNS,
        arithmetic: kind ?? "float",
      };
      const range = { first: 3, count: 5 };
      const list = Uint32Array.of(8, 0, 7);
      for (const choice of [range, list]) {
        const expected = products(scalar, form, stored, choice);
        expect(expected.some((value) => value !== 0)).toBe(true);
        expect(bits(products(wasm, form, stored, choice))).toBe(bits(expected));
      }
      // A packed matrix gives the bits of the unpacked one.
      const plain = { ...form, layout: layoutsOf(format).find(({ name }) => name === "rows")! };
      expect(bits(products(wasm, plain, rowMajor, range))).toBe(bits(products(wasm, form, stored, range)));
    }
    const read = (bytes: Uint8Array): void => bytes.set(stored);
    const form: MatrixForm = { format, layout, ...(codebook && { codebook }), columns: COLUMNS, arithmetic: "float" };
    expect(bits(wasm.decodeRows(form, ROWS, read))).toBe(bits(scalar.decodeRows(form, ROWS, read)));
  });
});

test("f32 products add chunks of 256 columns, in order", () => {
  const [rows, columns] = [3, 700];
  const [w, x] = [noise(rows * columns, 1), noise(columns, 2)];
  const panel = new Float32Array(panelLength(rows, columns));
  packPanel(w, columns, rows, columns, panel);
  const out = new Float32Array(8);
  multiply({ x, xStride: columns, xRows: 1, columns, panel, panelRows: 8, panelColumns: columns, out, outStride: 8 });
  for (let row = 0; row < rows; row++) {
    let total = 0;
    for (const start of [0, 256, 512]) {
      let sum = 0;
      for (let k = start; k < Math.min(columns, start + 256); k++) {
        sum = Math.fround(sum + Math.fround(x[k]! * w[row * columns + k]!));
      }
      total = Math.fround(total + sum);
    }
    expect(out[row]).toBe(total);
  }
});

describe("row functions", () => {
  const rows = KINDS.filter(({ isFinite }) => isFinite).map(({ make }, i) => make(1000, i));

  test.each(ACTIVATIONS)("gate with %s", (activation) => {
    for (const [i, row] of rows.entries()) {
      const [gate, up] = [row.slice(0, 256), rows[(i + 1) % rows.length]!.slice(0, 256)];
      const expected = gate.slice();
      scalar.gate(activation, { values: expected, stride: 256 }, { values: up, stride: 256 }, 1);
      // The twin works in its own memory: two products go there first.
      const form: MatrixForm = {
        format: resolveCodec("f32"),
        layout: layoutsOf(resolveCodec("f32"))[0]!,
        columns: COLUMNS,
        arithmetic: "float",
      };
      const tile = wasm.loadTile(form, ROWS, 0, (bytes) => bytes.fill(0));
      const activations = { columns: COLUMNS, floats: new Float32Array(16 * COLUMNS), quantized: {} };
      const [a, b] = ([0, 1] as const).map((place) => wasm.multiply(tile, activations, { first: 0, count: 16 }, place));
      a!.values.set(gate);
      b!.values.set(up);
      wasm.gate(activation, a!, b!, 16);
      const found = a!.values.slice(0, 256);
      for (let k = 0; k < 256; k++) {
        if (Number.isNaN(expected[k])) expect(found[k]).toBeNaN();
        else expect(found[k]).toBe(expected[k]);
      }
      // Without a gate: of values that are neither nothing nor all.
      const alone = gate.map((x) => x / 8);
      const expectedAlone = alone.slice();
      scalar.activate(activation, { values: expectedAlone, stride: 256 }, 1);
      a!.values.set(alone);
      wasm.activate(activation, a!, 16);
      expect(a!.values.slice(0, 256)).toEqual(expectedAlone);
    }
  });

  test("logits: sums of exponentials, and divergences", () => {
    for (const [i, row] of rows.entries()) {
      const logits = row.map((x) => Math.max(-80, Math.min(80, x)));
      const base = noise(logits.length, i).map((x) => x * 12);
      const summary = summarize(logits);
      expect(wasm.sumExponentials(logits, summary.largest)).toBe(scalar.sumExponentials(logits, summary.largest));
      const coded = new Uint16Array(codedRowLength(base.length));
      codeRow(base, summarize(base), coded);
      const norm = summary.largest + summary.logSum;
      expect(wasm.divergence(coded, logits, norm)).toBe(scalar.divergence(coded, logits, norm));
    }
  });
});

describe("attention of one head", () => {
  interface Case {
    readonly rule: ScoreRule;
    readonly sink?: number;
    readonly keyLength: number;
    readonly valueLength: number;
    readonly batches: readonly number[];
    readonly seed: number;
  }
  const rules: readonly { readonly name: string; readonly rule: ScoreRule; readonly sink?: number }[] = [
    { name: "causal", rule: { scale: 0.25 } },
    { name: "a window", rule: { scale: 0.25, window: 5 } },
    { name: "a soft cap", rule: { scale: 1, softcap: 3 } },
    { name: "a sink", rule: { scale: 0.5 }, sink: 0.75 },
    { name: "a window and a sink", rule: { scale: 0.5, window: 3 }, sink: -1 },
    { name: "everything seen", rule: { scale: 0.25, isCausal: false } },
  ];

  function run(numerics: Numerics, { rule, sink, keyLength, valueLength, batches, seed }: Case): Float32Array {
    const total = batches.reduce((sum, count) => sum + count, 0);
    const [keys, values, queries] = [keyLength, valueLength, keyLength].map((length, i) =>
      noise(total * length, seed + i).map((x) => x * 4),
    );
    const memory = numerics.headMemory(POSITIONS, keyLength, valueLength);
    const out = new Float32Array(total * valueLength);
    let first = 0;
    for (const count of batches) {
      memory.append(keys!, first * keyLength, keyLength, values!, first * valueLength, valueLength, count);
      memory.attend(
        ...([queries!, first * keyLength, keyLength, count, first, rule, sink, out] as const),
        first * valueLength,
        valueLength,
      );
      first += count;
    }
    return out;
  }

  test.each(rules)("$name: the same bits, whatever comes at a time", ({ rule, sink }) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: HEAD }),
        fc.integer({ min: 1, max: HEAD }),
        fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 1e6 }),
        (keyLength, valueLength, batches, seed) => {
          const one = { rule, ...(sink !== undefined && { sink }), keyLength, valueLength, batches, seed };
          expect(bits(run(wasm, one))).toBe(bits(run(scalar, one)));
        },
      ),
      { numRuns: 8 },
    );
  });

  test.each(rules.filter(({ rule: { isCausal = true } }) => isCausal))(
    "$name: token by token as all at once",
    ({ rule, sink }) => {
      const shape = { rule, ...(sink !== undefined && { sink }), keyLength: 12, valueLength: 10, seed: 4 };
      const whole = run(wasm, { ...shape, batches: [37] });
      expect(bits(run(wasm, { ...shape, batches: new Array<number>(37).fill(1) }))).toBe(bits(whole));
    },
  );

  test.each(rules)("$name: softmax of scores, computed plainly", ({ rule, sink }) => {
    const [keyLength, valueLength, count, seed] = [6, 5, 9, 11];
    const found = run(wasm, {
      rule,
      ...(sink !== undefined && { sink }),
      keyLength,
      valueLength,
      batches: [count],
      seed,
    });
    const [keys, values, queries] = [keyLength, valueLength, keyLength].map((length, i) =>
      noise(count * length, seed + i).map((x) => x * 4),
    );
    for (let n = 0; n < count; n++) {
      const isSeen = (j: number): boolean =>
        (rule.isCausal === false || j <= n) && (rule.window === undefined || j > n - rule.window);
      const scores = Array.from({ length: count }, (_, j) => {
        let dot = 0;
        for (let k = 0; k < keyLength; k++) dot += queries![n * keyLength + k]! * keys![j * keyLength + k]!;
        const scaled = dot * rule.scale;
        return rule.softcap === undefined ? scaled : rule.softcap * Math.tanh(scaled / rule.softcap);
      });
      const weights = scores.map((score, j) => (isSeen(j) ? Math.exp(score) : 0));
      const total = weights.reduce((sum, weight) => sum + weight, sink === undefined ? 0 : Math.exp(sink));
      for (let k = 0; k < valueLength; k++) {
        const expected = weights.reduce((sum, weight, j) => sum + (weight / total) * values![j * valueLength + k]!, 0);
        expect(Math.abs(found[n * valueLength + k]! - expected)).toBeLessThan(2e-5);
      }
    }
  });
});
