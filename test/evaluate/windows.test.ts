import { expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { checkContext, cutWindows } from "#dist/src/evaluate/windows.js";
import { scoredPositions } from "#dist/src/forward/programs/score.js";

const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i + 10);

test("whole windows are cut, and what is left over is left out", () => {
  const windows = cutWindows(ids(29), { context: 8, where: "text" });
  expect(windows).toMatchObject({ context: 8, count: 3 });
  expect([...windows.tokens]).toEqual([...ids(24)]);
  expect(cutWindows(ids(29), { context: 8, chunks: 2, where: "text" }).count).toBe(2);
});

test("the token that begins a text takes the place of each window's first, but is not scored", () => {
  const { tokens, targets } = cutWindows(ids(16), { context: 8, bos: 1, where: "text" });
  expect([tokens[0], tokens[8], tokens[1]]).toEqual([1, 1, 11]);
  expect([...targets]).toEqual([...ids(16)]);
});

test("the second half of a window is scored, but for its first token", () => {
  expect(scoredPositions(128)).toEqual({ first: 64, count: 63 });
  expect(scoredPositions(512)).toEqual({ first: 256, count: 255 });
  expect(scoredPositions(9)).toEqual({ first: 4, count: 4 });
});

test("a text of fewer than two windows is refused", () => {
  expect(() => cutWindows(ids(15), { context: 8, where: "t.txt" })).toThrow(
    new QuantizeError("usage", "t.txt: expected at least 16 tokens (two windows of 8), found 15"),
  );
});

test.each([0, 7, 2 ** 20 + 1, NaN])("a context of %s is refused", (context) => {
  expect(() => checkContext(context)).toThrow(/expected 8 to 1048576/);
});
