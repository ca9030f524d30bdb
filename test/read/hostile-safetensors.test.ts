import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { temporaryFolder, writeTemporary } from "../support/gguf-file.ts";
import { u8 } from "../support/gguf-parts.ts";
import { readStored, readWeights } from "../support/read-weights.ts";
import { countingTensors, safetensorsFile } from "../support/safetensors-file.ts";

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const withLength = (length: bigint, rest: Uint8Array) => {
  const file = new Uint8Array(8 + rest.length);
  new DataView(file.buffer).setBigUint64(0, length, true);
  file.set(rest, 8);
  return file;
};
const utf8 = (text: string) => new TextEncoder().encode(text);

const LIES: readonly (readonly [what: string, file: Uint8Array, code: string, message: RegExp])[] = [
  ["an empty file", u8(), "bad-format", /expected a header length, found an empty file/],
  ["seven bytes", u8(1, 0, 0, 0, 0, 0, 0), "bad-format", /expected 8 more bytes, found the file's end after 7/],
  ["a header of 0 bytes", withLength(0n, utf8("{}")), "bad-format", /header length, byte 0: expected 2 to 2 bytes/],
  ["a header of 2^63 bytes", withLength(2n ** 63n, utf8("{}")), "bad-format", /found 9223372036854775808/],
  ["a header past the end", withLength(3n, utf8("{}")), "bad-format", /expected 2 to 2 bytes of header, found 3/],
  ["a header that is no object", safetensorsFile("[]"), "bad-format", /header, byte 8: expected "\{", found byte 91/],
  ["spaces before the header", safetensorsFile("  {}"), "bad-format", /expected "\{", found byte 32/],
  ["a header of several lines", safetensorsFile('{\n\n"a"\n: x}'), "bad-format", /header: expected JSON/],
  ["a header that ends early", safetensorsFile('{"a":'), "bad-format", /header: expected JSON/],
  ["something behind the header", safetensorsFile("{} x"), "bad-format", /header: expected JSON/],
  [
    "bytes that are no UTF-8",
    withLength(8n, u8(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x20)),
    "bad-format",
    /UTF-8/,
  ],
  ["deep nesting", safetensorsFile('{"a":' + "[".repeat(100_000)), "bad-format", /expected JSON/],
  [
    "a tensor twice",
    safetensorsFile(`{"a": ${JSON.stringify(entry(0, 4))}, "\\u0061": ${JSON.stringify(entry(0, 4))}}`, 4),
    "bad-format",
    /key "a" twice/,
  ],
  ["a tensor without name", safetensorsFile({ "": entry(0, 4) }, 4), "bad-format", /tensor "".*expected a name/],
  ["a tensor that is a number", safetensorsFile({ a: 1 }), "bad-format", /tensor "a".*expected an object, found 1/],
  ["a tensor that is null", safetensorsFile({ a: null }), "bad-format", /tensor "a".*expected an object, found null/],
  [
    "an unknown field",
    safetensorsFile({ a: { ...entry(0, 4), offsets: 1 } }, 4),
    "bad-format",
    /found the key "offsets"/,
  ],
  [
    "no shape",
    safetensorsFile({ a: { dtype: "F32", data_offsets: [0, 4] } }, 4),
    "bad-format",
    /a shape of whole numbers, found undefined/,
  ],
  [
    "a dtype nobody knows",
    safetensorsFile({ a: entry(0, 4, [1], "Q4") }, 4),
    "unsupported",
    /expected a dtype of .*F32.*found "Q4"/,
  ],
  [
    "a dtype from Object",
    safetensorsFile({ a: entry(0, 4, [1], "constructor") }, 4),
    "unsupported",
    /found "constructor"/,
  ],
  ["a dtype that is a number", safetensorsFile({ a: entry(0, 4, [1], 32) }, 4), "bad-format", /found "32"/],
  ["a shape of fractions", safetensorsFile({ a: entry(0, 4, [0.5, 2]) }, 4), "bad-format", /found \[0.5,2\]/],
  ["a negative dimension", safetensorsFile({ a: entry(0, 4, [-1]) }, 4), "bad-format", /found \[-1\]/],
  [
    "a dimension of 2^64",
    safetensorsFile('{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}', 4),
    "bad-format",
    /found \[18446744073709552000\]/,
  ],
  [
    "a product of 2^80",
    safetensorsFile({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4),
    "bad-format",
    /bytes for F32 of \[1099511627776, 1099511627776\], found 4/,
  ],
  [
    "fewer bytes than the shape",
    safetensorsFile({ a: entry(0, 4, [2]) }, 4),
    "bad-format",
    /expected 8 bytes for F32 of \[2\], found 4/,
  ],
  [
    "an end before the beginning",
    safetensorsFile({ a: entry(4, 0, [0]) }, 4),
    "bad-format",
    /data_offsets \[begin, end\], found \[4,0\]/,
  ],
  ["a negative offset", safetensorsFile({ a: entry(-4, 0, [1]) }, 4), "bad-format", /found \[-4,0\]/],
  [
    "three offsets",
    safetensorsFile({ a: { ...entry(0, 4), data_offsets: [0, 4, 8] } }, 4),
    "bad-format",
    /found \[0,4,8\]/,
  ],
  ["a gap before the first tensor", safetensorsFile({ a: entry(4, 8) }, 8), "bad-format", /tensor "a".*\(a gap\)/],
  [
    "a gap between tensors",
    safetensorsFile({ a: entry(0, 4), b: entry(8, 12) }, 12),
    "bad-format",
    /tensor "b".*\(a gap\)/,
  ],
  ["an overlap", safetensorsFile({ a: entry(0, 8), b: entry(4, 12) }, 12), "bad-format", /tensor "b".*\(an overlap\)/],
  [
    "the same bytes twice",
    safetensorsFile({ a: entry(0, 8), b: entry(0, 8) }, 8),
    "bad-format",
    /tensor "b".*\(an overlap\)/,
  ],
  [
    "a tensor past the end",
    safetensorsFile({ a: entry(0, 4000) }, 4),
    "bad-format",
    /up to byte \d+, found a file of \d+ \(truncated\?\)/,
  ],
  [
    "bytes behind the last tensor",
    safetensorsFile({ a: entry(0, 4) }, 5),
    "bad-format",
    /end of the data.*expected the file to end here/,
  ],
  [
    "free text that is a number",
    safetensorsFile({ __metadata__: { format: 1 }, a: entry(0, 4) }, 4),
    "bad-format",
    /__metadata__.*found "format": 1/,
  ],
  [
    "free text that is a list",
    safetensorsFile({ __metadata__: [], a: entry(0, 4) }, 4),
    "bad-format",
    /__metadata__.*expected an object/,
  ],
  [
    "an empty tensor",
    safetensorsFile({ a: entry(0, 0, [0, 4]) }),
    "unsupported",
    /tensor "a": it is empty: shape \[0, 4\]/,
  ],
  [
    "five dimensions",
    safetensorsFile({ a: entry(0, 4, [1, 1, 1, 1, 1]) }, 4),
    "unsupported",
    /5 dimensions, GGUF has at most 4/,
  ],
  [
    "truth values",
    safetensorsFile({ a: entry(0, 4, [4], "BOOL") }, 4),
    "unsupported",
    /dtype BOOL cannot be converted, only F64, F32/,
  ],
  ["unsigned bytes", safetensorsFile({ a: entry(0, 4, [4], "U8") }, 4), "unsupported", /dtype U8 cannot be converted/],
  [
    "a name that GGUF cannot hold",
    safetensorsFile({ ["n".repeat(64)]: entry(0, 4) }, 4),
    "unsupported",
    /at most 63 bytes.*found 64/,
  ],
];

async function failureOf(path: string): Promise<Error> {
  const error: unknown = await openModel(path).then(
    () => new Error("it was accepted"),
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ name: "QuantizeError" });
  return error as Error;
}

test.each(LIES)("%s is one clear error", async (_, file, code, message) => {
  const path = writeTemporary("lie.safetensors", file);
  const error = await failureOf(path);
  expect(error).toMatchObject({ code });
  expect(error.message.startsWith(path), error.message).toBe(true);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain("\n");
});

const GOOD = countingTensors({ a: [2, 3], b: [4], c: [] });

test("a file cut anywhere, or longer, is refused", async () => {
  const path = join(temporaryFolder(), "cut.safetensors");
  for (let length = 0; length <= GOOD.length + 1; length++) {
    if (length === GOOD.length) continue;
    const file = new Uint8Array(length);
    file.set(GOOD.subarray(0, length));
    writeFileSync(path, file);
    expect(await failureOf(path), `${length} bytes`).toMatchObject({ code: "bad-format" });
  }
});

test("a file with any bytes changed is refused, or stays within itself", async () => {
  const path = join(temporaryFolder(), "changed.safetensors");
  const change = fc.tuple(fc.nat(GOOD.length - 45), fc.integer({ min: 32, max: 126 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const file = GOOD.slice();
      for (const [at, byte] of changes) file[at] = byte;
      writeFileSync(path, file);
      try {
        for (const { extents } of (await openModel(path)).tensors) {
          expect(extents[0]!.byteOffset + extents[0]!.byteLength).toBeLessThanOrEqual(file.length);
        }
      } catch (error) {
        expect(error).toMatchObject({ name: "QuantizeError" });
      }
    }),
    { numRuns: 500 },
  );
});

test("a bare file keeps its names; shapes are turned round; the header may be padded", async () => {
  const path = writeTemporary(
    "bare.safetensors",
    safetensorsFile('{"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"__metadata__":{"by":"me"}}   ', 12),
  );
  const model = await openModel(path);
  expect(model.tensors).toMatchObject([{ name: "w", shape: [3, 2], codec: "bf16", layout: "rows" }]);
  expect([...model.metadata].map(([name, value]) => [name, "value" in value && value.value])).toEqual([
    ["general.architecture", "unknown"],
    ["general.type", "model"],
    ["general.name", "bare"],
    ["safetensors.metadata.by", "me"],
  ]);
  const scalars = await openModel(writeTemporary("good.safetensors", GOOD));
  expect(scalars.tensors.map(({ name, shape }) => [name, shape])).toEqual([
    ["a", [3, 2]],
    ["b", [4]],
    ["c", [1]],
  ]);
  expect([...readWeights(scalars, "b")]).toEqual([6, 7, 8, 9]);
});

/** The fixture's folder with its weights in two files. */
function sharded(
  change: (index: { weight_map: Record<string, unknown> }, folder: string) => unknown = (index) => index,
): string {
  const folder = temporaryFolder();
  const source = fileURLToPath(new URL("../../fixtures/fable/hf/", import.meta.url));
  writeFileSync(join(folder, "config.json"), readFileSync(join(source, "config.json")));
  const file = readFileSync(join(source, "model.safetensors"));
  const headerLength = file.readUInt32LE(0);
  const header = JSON.parse(file.toString("utf8", 8, 8 + headerLength)) as Record<string, ReturnType<typeof entry>>;
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const index = { weight_map: {} as Record<string, unknown> };
  for (const part of [0, 1]) {
    const shard = `model-0000${part + 1}-of-00002.safetensors`;
    const mine: Record<string, unknown> = {};
    const data: Buffer[] = [];
    let end = 0;
    for (const name of names.filter((_, i) => i % 2 === part)) {
      const [from, to] = header[name]!.data_offsets as [number, number];
      data.push(file.subarray(8 + headerLength + from, 8 + headerLength + to));
      mine[name] = { ...header[name], data_offsets: [end, (end += to - from)] };
      index.weight_map[name] = shard;
    }
    writeFileSync(join(folder, shard), safetensorsFile(mine, Buffer.concat(data)));
  }
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(change(index, folder)));
  return folder;
}

test("a folder in several files is the same model, by whichever file it is opened", async () => {
  const folder = sharded();
  const single = await openModel(fileURLToPath(new URL("../../fixtures/fable/hf", import.meta.url)));
  for (const path of [
    folder,
    join(folder, "model.safetensors.index.json"),
    join(folder, "model-00002-of-00002.safetensors"),
  ]) {
    const model = await openModel(path);
    expect(model.files).toHaveLength(2);
    expect(model.tensors).toHaveLength(single.tensors.length);
    for (const { name } of single.tensors) {
      expect(Buffer.from(readStored(model, name)).equals(readStored(single, name)), name).toBe(true);
    }
  }
});

const edit = (change: (map: Record<string, unknown>) => void) => () =>
  sharded((index) => {
    change(index.weight_map);
    return index;
  });
const [FIRST, SECOND] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

test.each<[string, () => string, string, RegExp]>([
  ["no weight_map", () => sharded(() => ({})), "bad-format", /"weight_map": expected an object/],
  [
    "a file that is missing",
    edit((map) => (map["lm_head.weight"] = "gone.safetensors")),
    "io",
    /file 1 of 3 is missing: .*gone.safetensors/,
  ],
  [
    "a tensor in another file",
    edit((map) => (map["lm_head.weight"] = SECOND)),
    "bad-format",
    /"lm_head.weight": expected model-00001.*found model-00002/,
  ],
  ["a tensor too many", edit((map) => (map["x"] = FIRST)), "bad-format", /tensor "x" is not in model-00001/],
  [
    "a tensor too few",
    edit((map) => delete map["lm_head.weight"]),
    "bad-format",
    /"lm_head.weight": expected .* found no file/,
  ],
  [
    "a way out of the folder",
    edit((map) => (map["lm_head.weight"] = "../x.safetensors")),
    "bad-format",
    /expected a file name, found "..\/x.safetensors"/,
  ],
  [
    "a file that is a number",
    edit((map) => (map["lm_head.weight"] = 1)),
    "bad-format",
    /expected a file name, found 1/,
  ],
])("an index with %s is one clear error", async (_, make, code, message) => {
  const error = await failureOf(make());
  expect(error).toMatchObject({ code });
  expect(error.message).toMatch(message);
});
