import { expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { editDistance, nearestName, unknownName } from "#dist/src/text/nearest-name.js";

test("an edit is an insertion, a deletion, a substitution or a swap of neighbours", () => {
  expect(editDistance("q4_0", "q4_0")).toBe(0);
  expect(editDistance("Q4_K", "q4_k")).toBe(0);
  expect(editDistance("q4_", "q4_0")).toBe(1);
  expect(editDistance("q44_0", "q4_0")).toBe(1);
  expect(editDistance("q5_0", "q4_0")).toBe(1);
  expect(editDistance("4q_0", "q4_0")).toBe(1);
  expect(editDistance("", "abc")).toBe(3);
});

test("the nearest name is offered, the first of equals, and none when all are far", () => {
  expect(nearestName("q4_kk", ["q4_0", "q4_K", "q4_cb"])).toBe("q4_K");
  expect(nearestName("4x9", ["4x4", "4x8"])).toBe("4x4");
  expect(nearestName("zebra", ["q4_0", "rows"])).toBeUndefined();
});

test("an unknown name is a usage error that lists what is valid", () => {
  const error = unknownName("layout", "diagonal", ["rows", "4x4"]);
  expect(error).toBeInstanceOf(QuantizeError);
  expect(error.code).toBe("unknown-name");
  expect(error.message).toBe('unknown layout "diagonal"; expected one of rows, 4x4');
  expect(unknownName("scheme", "q4", ["q8_0", "q4_0", "Q4_K", "q3_K_s"]).message).toBe(
    'unknown scheme "q4"; did you mean one of q4_0, Q4_K?',
  );
  expect(unknownName("scheme", "q4cb", ["q4_cb"], "quantize schemes").message).toBe(
    'unknown scheme "q4cb"; did you mean "q4_cb"? (`quantize schemes` lists them all)',
  );
});
