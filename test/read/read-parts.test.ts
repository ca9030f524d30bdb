import fc from "fast-check";
import { expect, test } from "vitest";
import type { Model, Tensor } from "#dist/src/read/model.js";
import { closeModelFiles, openModelFiles, readTensorRows } from "#dist/src/read/read-tensor.js";
import type { Part, View } from "#dist/src/read/stored-array.types.js";
import { cutAxis, orderAxes, splitAxis, viewLength, viewOf } from "#dist/src/read/view.js";
import { writeTemporary } from "../support/gguf-file.ts";

/** Bytes that differ between neighbours, rows and pages. */
const patterned = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37 + (i >> 8) * 11) & 255);

/** A model of one tensor over one file. */
function modelOf(bytes: Uint8Array, tensor: Omit<Tensor, "name" | "layout" | "extents">): Model & { tensor: Tensor } {
  const path = writeTemporary("bytes", bytes);
  const extents = [{ file: 0, byteOffset: 0, byteLength: bytes.length }];
  const whole: Tensor = { name: "q", layout: "rows", extents, ...tensor };
  const files = [{ path, byteLength: bytes.length }];
  return { path, format: "safetensors", files, metadata: new Map(), tensors: [whole], tensor: whole };
}

function read(model: Model, tensor: Tensor, start: number, end: number, rowBytes: number): Uint8Array {
  const fds = openModelFiles(model.files);
  const out = new Uint8Array((end - start) * rowBytes);
  try {
    readTensorRows(model.files, fds, tensor, start, end, out);
  } finally {
    closeModelFiles(fds);
  }
  return out;
}

/** Places of a view's elements in their array, by the definition: the last axis is the fastest. */
function placesOf({ start, axes }: View): number[] {
  return axes.reduce(
    (places, { count, stride }) =>
      places.flatMap((place) => Array.from({ length: count }, (_, i) => place + i * stride)),
    [start],
  );
}

/** A view by a few steps of any kind from the shape of an array of at most 4 axes. */
const views = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    steps: fc.array(fc.tuple(fc.constantFrom("cut", "split", "order"), fc.nat(), fc.nat(), fc.nat()), { maxLength: 4 }),
  })
  .map(({ shape, steps }) => {
    let view = viewOf(shape);
    for (const [kind, a, b, c] of steps) {
      const index = a % view.axes.length;
      const { count } = view.axes[index]!;
      if (kind === "cut") view = cutAxis(view, index, b % count, 1 + (c % (count - (b % count))));
      const divisor = [2, 3, 1][b % 3]!;
      if (kind === "split" && count % divisor === 0) view = splitAxis(view, index, [divisor, count / divisor]);
      if (kind === "order") {
        const order = view.axes.map((_, i) => i);
        order.splice(b % order.length, 0, ...order.splice(index, 1));
        view = orderAxes(view, order);
      }
    }
    return { shape, view };
  });

test("any range of any views on arrays that lie anywhere, one behind the other, and zeros among them", () => {
  const property = fc.record({
    sources: fc.array(fc.record({ of: views, gap: fc.nat(5), isZero: fc.boolean() }), { minLength: 1, maxLength: 3 }),
    size: fc.integer({ min: 1, max: 17 }),
    range: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  });
  fc.assert(
    fc.property(property, ({ sources, size, range }) => {
      let end = 0;
      const placed = sources.map((source) => {
        const byteLength = size * source.of.shape.reduce((a, b) => a * b, 1);
        const extent = { file: 0, byteOffset: end + source.gap, byteLength };
        end = extent.byteOffset + byteLength;
        return { ...source, extent };
      });
      const bytes = patterned(end);
      const parts = placed.map(({ of, isZero, extent }): Part => {
        return {
          ...of.view,
          array: isZero ? { kind: "zeros", elementBytes: size } : { kind: "plain", extent, elementBytes: size },
        };
      });
      const expected = placed.flatMap(({ of, isZero, extent }) =>
        placesOf(of.view).flatMap((place) =>
          isZero
            ? Array<number>(size).fill(0)
            : [...bytes.subarray(extent.byteOffset + place * size, extent.byteOffset + (place + 1) * size)],
        ),
      );
      const rows = parts.reduce((sum, part) => sum + viewLength(part), 0);
      const model = modelOf(bytes, { shape: [1, rows], codec: "i8", parts });
      const [low, high] = range.map((share) => Math.floor(share * rows)).toSorted((a, b) => a - b) as [number, number];
      expect([...read(model, model.tensor, low, high, size)]).toEqual(expected.slice(low * size, high * size));
    }),
    { numRuns: 150 },
  );
});

const [ROWS, COLUMNS] = [700, 1100];
const TRANSPOSED = orderAxes(viewOf([ROWS, COLUMNS]), [1, 0]);

test.each<[string, View]>([
  ["transposed", TRANSPOSED],
  ["transposed, in rotary order", orderAxes(splitAxis(TRANSPOSED, 0, [11, 2, 50]), [0, 2, 1, 3])],
  ["transposed in two halves", orderAxes(splitAxis(TRANSPOSED, 1, [2, 350]), [1, 0, 2])],
])("a matrix of several megabytes, %s, row by row and in bands", (_, view) => {
  const file = new Uint8Array(Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => i).buffer);
  const extent = { file: 0, byteOffset: 0, byteLength: file.length };
  const width = view.axes.at(-1)!.count;
  const rows = (ROWS * COLUMNS) / width;
  const parts = [{ ...view, array: { kind: "plain", extent, elementBytes: 4 } as const }];
  const model = modelOf(file, { shape: [width, rows], codec: "f32", parts });
  const places = placesOf(view);
  for (const [start, end] of [
    [0, 1],
    [641, 642],
    [3, 500],
    [0, rows],
  ] as const) {
    const found = new Float32Array(read(model, model.tensor, start, end, 4 * width).buffer);
    expect(found.findIndex((value, i) => value !== places[start * width + i])).toBe(-1);
  }
});

test("stored in pieces that lie the other way round, rows come in order", () => {
  const bytes = patterned(24);
  const extents = [
    { file: 0, byteOffset: 14, byteLength: 10 },
    { file: 0, byteOffset: 0, byteLength: 14 },
  ];
  const model = modelOf(bytes, { shape: [4, 6], codec: "i8" });
  const tensor: Tensor = { ...model.tensor, extents };
  const stored = [...bytes.subarray(14), ...bytes.subarray(0, 14)];
  expect([...read(model, tensor, 1, 5, 4)]).toEqual(stored.slice(4, 20));
});

test("bytes that are in no file are read like the others", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const model = modelOf(new Uint8Array(4), { shape: [2, 2], codec: "i8" });
  const generated: Tensor = { ...model.tensor, extents: [{ ...model.tensor.extents[0]!, bytes }] };
  expect([...read(model, generated, 1, 2, 2)]).toEqual([3, 4]);
});

test("what a view does not have cannot be cut out of it", () => {
  expect(() => cutAxis(viewOf([3, 4]), 0, 2, 2)).toThrow(RangeError);
  expect(() => splitAxis(viewOf([3, 4]), 1, [3, 2])).toThrow(RangeError);
});

test("rows that are not there, and buffers of another length, are defects of the caller", () => {
  const model = modelOf(new Uint8Array(8), { shape: [2, 4], codec: "i8" });
  expect(() => read(model, model.tensor, 2, 5, 2)).toThrow(RangeError);
  const fds = openModelFiles(model.files);
  expect(() => readTensorRows(model.files, fds, model.tensor, 0, 2, new Uint8Array(5))).toThrow(RangeError);
  closeModelFiles(fds);
});

test("a file that changed since its header was read is refused", () => {
  const { files } = modelOf(new Uint8Array(5), { shape: [5], codec: "i8" });
  const longer = files.map((file) => ({ ...file, byteLength: 6 }));
  expect(() => openModelFiles(longer)).toThrow(/changed in the meantime: expected 6 bytes, found 5/);
});
