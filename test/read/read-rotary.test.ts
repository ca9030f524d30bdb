import fc from "fast-check";
import { expect, test } from "vitest";
import type { Model, Tensor } from "#dist/src/read/model.js";
import { closeModelFiles, openModelFiles, readTensorRows } from "#dist/src/read/read-tensor.js";
import { writeTemporary } from "../support/gguf-file.ts";

interface Case {
  readonly heads: number;
  readonly pairs: number;
  readonly rowBytes: number;
  readonly range: readonly [number, number];
  readonly cuts: readonly number[];
}

const cases = fc
  .record({
    heads: fc.integer({ min: 1, max: 4 }),
    pairs: fc.integer({ min: 1, max: 5 }),
    rowBytes: fc.integer({ min: 1, max: 6 }),
  })
  .chain((shape) => {
    const rows = shape.heads * shape.pairs * 2;
    const point = fc.integer({ min: 0, max: rows });
    return fc.record({
      heads: fc.constant(shape.heads),
      pairs: fc.constant(shape.pairs),
      rowBytes: fc.constant(shape.rowBytes),
      range: fc.tuple(point, point).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      cuts: fc.array(fc.integer({ min: 0, max: rows * shape.rowBytes }), { maxLength: 3 }),
    });
  });

/** A file of bytes that count up, and a tensor of i8 over it, cut into extents that lie in it the other way round. */
function counting({ heads, pairs, rowBytes, cuts }: Case): { model: Model; tensor: Tensor; stored: Uint8Array } {
  const rows = heads * pairs * 2;
  const stored = Uint8Array.from({ length: rows * rowBytes }, (_, i) => (i * 37) & 255);
  const points = [0, ...cuts.toSorted((a, b) => a - b), stored.length];
  const pieces = points.slice(1).map((end, i) => stored.subarray(points[i], end));
  const file = new Uint8Array(stored.length + 1);
  let position = file.length;
  const extents = pieces.map((piece) => {
    position -= piece.length;
    file.set(piece, position);
    return { file: 0, byteOffset: position, byteLength: piece.length };
  });
  const path = writeTemporary("bytes", file);
  const tensor: Tensor = {
    name: "q",
    shape: [rowBytes, rows],
    codec: "i8",
    layout: "rows",
    extents,
    rotaryHeads: heads,
  };
  const files = [{ path, byteLength: file.length }];
  return { model: { path, format: "safetensors", files, metadata: new Map(), tensors: [tensor] }, tensor, stored };
}

function read(model: Model, tensor: Tensor, start: number, end: number): Uint8Array {
  const fds = openModelFiles(model.files);
  const out = new Uint8Array((end - start) * tensor.shape[0]!);
  try {
    readTensorRows(model.files, fds, tensor, start, end, out);
  } finally {
    closeModelFiles(fds);
  }
  return out;
}

test("any range of rows, over any extents, comes in rotary order: row 2i + j of a head from its row j d/2 + i", () => {
  fc.assert(
    fc.property(cases, (shape) => {
      const { model, tensor, stored } = counting(shape);
      const { pairs, rowBytes, range } = shape;
      const expected: number[] = [];
      for (let row = range[0]; row < range[1]; row++) {
        const [head, within] = [Math.floor(row / (2 * pairs)), row % (2 * pairs)];
        const from = head * 2 * pairs + (within % 2) * pairs + Math.floor(within / 2);
        expected.push(...stored.subarray(from * rowBytes, (from + 1) * rowBytes));
      }
      expect([...read(model, tensor, ...range)]).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("without heads, rows come as they are stored", () => {
  fc.assert(
    fc.property(cases, (shape) => {
      const { model, tensor, stored } = counting(shape);
      const { rotaryHeads: _, ...plain } = tensor;
      const [start, end] = shape.range;
      expect(read(model, plain, start, end)).toEqual(stored.slice(start * shape.rowBytes, end * shape.rowBytes));
    }),
    { numRuns: 100 },
  );
});

test("bytes that are in no file are read like the others", () => {
  const { model, tensor } = counting({ heads: 1, pairs: 1, rowBytes: 2, range: [0, 2], cuts: [] });
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const generated = {
    name: "f",
    shape: [2, 2],
    codec: "i8",
    layout: "rows",
    extents: [{ ...tensor.extents[0]!, bytes }],
  };
  expect([...read(model, generated, 1, 2)]).toEqual([3, 4]);
});

test("rows that are not there, and buffers of another length, are defects of the caller", () => {
  const { model, tensor } = counting({ heads: 1, pairs: 2, rowBytes: 2, range: [0, 4], cuts: [] });
  expect(() => read(model, tensor, 2, 5)).toThrow(RangeError);
  const fds = openModelFiles(model.files);
  expect(() => readTensorRows(model.files, fds, tensor, 0, 2, new Uint8Array(5))).toThrow(RangeError);
  closeModelFiles(fds);
});

test("a file that changed since its header was read is refused", () => {
  const { model } = counting({ heads: 1, pairs: 1, rowBytes: 2, range: [0, 2], cuts: [] });
  const files = model.files.map((file) => ({ ...file, byteLength: file.byteLength + 1 }));
  expect(() => openModelFiles(files)).toThrow(/changed in the meantime: expected 6 bytes, found 5/);
});
