import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { logitsFileBytes, logitsFileHead, readLogitsFile } from "#dist/src/evaluate/logits-file.js";
import { makeWindows } from "#dist/src/evaluate/windows.js";
import { codedHead, codedRowLength, codeRow, divergence, summarize } from "#dist/src/forward/numerics/logits.js";
import { temporaryFolder } from "../support/cli.js";
import { noise } from "../support/kernel-inputs.js";

const CONTEXT = 8;
const VOCABULARY = 5;
const windows = makeWindows(
  Int32Array.from({ length: 2 * CONTEXT }, (_, i) => i % VOCABULARY),
  CONTEXT,
  1,
);

/** A file with rows of zeros. */
function write(change: (bytes: Buffer) => Buffer = (bytes) => bytes): string {
  const head = logitsFileHead(windows, VOCABULARY);
  const bytes = Buffer.alloc(logitsFileBytes(windows, VOCABULARY));
  bytes.set(head);
  const path = join(temporaryFolder(), "base.logits");
  writeFileSync(path, change(bytes));
  return path;
}

test("a file begins with a mark, three sizes and the tokens as they stand in the text", () => {
  const path = write();
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8).toString()).toBe("_logits_");
  expect([8, 12, 16].map((at) => bytes.readInt32LE(at))).toEqual([CONTEXT, VOCABULARY, 2]);
  // 3 scored positions in each of 2 windows; rows of 2 * ((5 + 1) / 2) + 4 words.
  expect(bytes.length).toBe(20 + 16 * 4 + 2 * 3 * 10 * 2);
  const found = readLogitsFile(path);
  expect(found).toMatchObject({ context: CONTEXT, vocabulary: VOCABULARY, windows: 2, byteOffset: 84 });
  expect([...found.tokens]).toEqual([...windows.targets]);
});

describe("files that are none are refused", () => {
  test.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ["empty", () => Buffer.alloc(0), /expected a file of base logits, found 0 bytes/],
    ["another mark", (bytes) => (bytes.write("_logitz_"), bytes), /begins with "_logits_"/],
    ["cut off", (bytes) => bytes.subarray(0, -1), /expected 204 bytes for 2 windows of 8 tokens, found 203/],
    ["too long", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), /expected 204 bytes .*, found 205/],
    ["no context", (bytes) => (bytes.writeInt32LE(0, 8), bytes), /context: expected 1 to \d+, found 0/],
    [
      "a negative vocabulary",
      (bytes) => (bytes.writeInt32LE(-5, 12), bytes),
      /vocabulary: expected 1 to \d+, found -5/,
    ],
    ["windows beyond any file", (bytes) => (bytes.writeInt32LE(2 ** 31 - 1, 16), bytes), /windows: expected 1 to \d+/],
  ])("%s", (_name, change, message) => {
    const path = write(change);
    expect(() => readLogitsFile(path)).toThrow(message);
  });
});

describe("a coded row", () => {
  test("gives log probabilities back to within half a step, down to 16 below the largest", () => {
    const logits = noise(1001, 3).map((x) => x * 15);
    const summary = summarize(logits);
    const row = new Uint16Array(codedRowLength(logits.length));
    codeRow(logits, summary, row);
    const { scale, least } = codedHead(row);
    const norm = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    for (const [i, logit] of logits.entries()) {
      const decoded = scale * row[4 + i]! + least;
      const expected = Math.max(logit, summary.largest - 16) - norm;
      expect(Math.abs(decoded - expected)).toBeLessThan(scale * 0.51 + 1e-5);
    }
    // Padding: an even number of codes.
    expect(row.length).toBe(1002 + 4);
    expect(row.at(-1)).toBe(0);
  });

  test("is rounded half to even, as llama.cpp rounds", () => {
    // A step of 2^-12 exactly.
    const logits = Float32Array.of(0, 65535, 10.5, 11.5, 12.25, 12.75).map((x) => x / 4096);
    const row = new Uint16Array(codedRowLength(6));
    codeRow(logits, summarize(logits), row);
    expect(codedHead(row).scale).toBe(2 ** -12);
    expect([...row.subarray(4)]).toEqual([0, 65535, 10, 12, 12, 13]);
  });

  test("has no divergence from its own logits, and that of the definition from others", () => {
    const [p, q] = [noise(300, 1), noise(300, 2)].map((row) => row.map((x) => x * 4));
    const row = new Uint16Array(codedRowLength(300));
    codeRow(p!, summarize(p!), row);
    const own = summarize(p!);
    expect(Math.abs(divergence(row, p!, own.largest + own.logSum))).toBeLessThan(1e-4);
    const logOf = (logits: Float32Array): number[] => {
      const norm = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      return Array.from(logits, (logit) => logit - norm);
    };
    const [a, b] = [logOf(p!), logOf(q!)];
    const expected = a.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - b[i]!), 0);
    const other = summarize(q!);
    expect(divergence(row, q!, other.largest + other.logSum)).toBeCloseTo(expected, 3);
  });
});
