import { mkdirSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { temporaryFolder, writeTemporary } from "../support/gguf-file.ts";
import { gguf, join, key, tensor, text, u32, u64, u8 } from "../support/gguf-parts.ts";

const [UINT8, UINT32, BOOL, STRING, ARRAY, UINT64] = [0, 4, 7, 8, 9, 10] as const;
const ARCHITECTURE = key("general.architecture", STRING, text("llama"));
const ALIGNMENT = (value: number) => key("general.alignment", UINT32, u32(value));
const NAME_64 = "n".repeat(64);

/** A well-formed file: one key, two tensors of 32 and 48 bytes. */
const GOOD = gguf({
  keys: [ARCHITECTURE],
  tensors: [tensor("a.weight", [4, 2]), tensor("b.weight", [12], { offset: 32 })],
  data: 96,
});

/** What is wrong, the file, and what the message must say of it. */
const LIES: readonly (readonly [what: string, file: Uint8Array, message: RegExp])[] = [
  ["an empty file", u8(), /magic, byte 0: expected "GGUF", found an empty file/],
  ["three bytes", u8(0x47, 0x47, 0x55), /expected 4 more bytes, found the file's end after 3/],
  ["another magic", gguf({ magic: "GGML" }), /expected "GGUF" \(47 47 55 46\), found 47 47 4d 4c/],
  ["version 0", gguf({ version: u32(0) }), /version, byte 4: expected 2 or 3, found 0/],
  ["version 1", gguf({ version: u32(1) }), /version, byte 4: expected 2 or 3, found 1/],
  ["version 4", gguf({ version: u32(4) }), /version, byte 4: expected 2 or 3, found 4/],
  ["a big-endian file", gguf({ version: u8(0, 0, 0, 3) }), /found 3 in the other byte order/],
  [
    "2^60 tensors",
    gguf({ tensorCount: 2n ** 60n }),
    /number of tensors, byte 8: expected at most 0 .*1152921504606846976/,
  ],
  ["2^63 keys", gguf({ keyCount: 2n ** 63n }), /number of keys, byte 16: .*found 9223372036854775808/],
  ["one key too many", gguf({ keys: [ARCHITECTURE], keyCount: 2 }), /key 2 of 2, byte \d+: expected 8 more bytes/],
  [
    "one tensor too many",
    gguf({ tensors: [tensor("a", [4])], tensorCount: 2 }),
    /number of tensors.*expected at most 1/,
  ],
  [
    "a key of 2^63 bytes",
    gguf({ keys: [join(text("k", 2n ** 63n), new Uint8Array(40))] }),
    /length 9223372036854775808/,
  ],
  [
    "a key of 65536 bytes",
    gguf({ keys: [key("k".repeat(65536), UINT8, u8(1))] }),
    /at most 65535 bytes, found length 65536/,
  ],
  ["a key without name", gguf({ keys: [key("", UINT8, u8(1), u8(0))] }), /key 1 of 1, byte 24: .*an empty key/],
  [
    "a key twice",
    gguf({ keys: [ARCHITECTURE, ARCHITECTURE] }),
    /key "general.architecture", byte \d+: expected each key once/,
  ],
  [
    "value type 13",
    gguf({ keys: [key("k", 13, u64(0))] }),
    /key "k", byte 33: expected a value type from 0 to 12, found 13/,
  ],
  ["a bool of 2", gguf({ keys: [key("k", BOOL, u8(2))] }), /key "k", byte 37: expected a bool, 0 or 1, found 2/],
  [
    "a string of 2^63 bytes",
    gguf({ keys: [key("k", STRING, u64(2n ** 63n))] }),
    /key "k", byte 37: .*9223372036854775808/,
  ],
  ["a string past the end", gguf({ keys: [key("k", STRING, text("abc", 4))] }), /at most 3 bytes, found length 4/],
  [
    "an array of arrays",
    gguf({ keys: [key("k", ARRAY, u32(ARRAY), u64(1))] }),
    /array of scalars or strings, found an array of arrays/,
  ],
  ["an array of type 99", gguf({ keys: [key("k", ARRAY, u32(99), u64(1))] }), /a value type from 0 to 12, found 99/],
  [
    "2^61 numbers",
    gguf({ keys: [key("k", ARRAY, u32(UINT64), u64(2n ** 61n), u64(0))] }),
    /array of at most 1, found length 2305843009213693952/,
  ],
  [
    "2^40 strings",
    gguf({ keys: [key("k", ARRAY, u32(STRING), u64(2n ** 40n), text("a"))] }),
    /array of at most 1, found length/,
  ],
  [
    "a string array that ends early",
    gguf({ keys: [key("k", ARRAY, u32(STRING), u64(2), text("abcdefgh"))] }),
    /key "k".*expected 8 more bytes/,
  ],
  ["an alignment of 0", gguf({ keys: [ALIGNMENT(0)] }), /key "general.alignment".*expected a power of two, found 0/],
  ["an alignment of 48", gguf({ keys: [ALIGNMENT(48)] }), /expected a power of two, found 48/],
  [
    "an alignment that is text",
    gguf({ keys: [key("general.alignment", STRING, text("32"))] }),
    /expected type uint32, found type string/,
  ],
  [
    "an alignment of 64 bits",
    gguf({ keys: [key("general.alignment", UINT64, u64(32))] }),
    /expected type uint32, found type uint64/,
  ],
  [
    "a tensor without name",
    gguf({ tensors: [tensor("", [4]), u8(0)], tensorCount: 1 }),
    /tensor 1 of 1, byte 24: .*an empty name/,
  ],
  [
    "a tensor name of 64 bytes",
    gguf({ tensors: [tensor(NAME_64, [4])], data: 32 }),
    /at most 63 bytes, found length 64/,
  ],
  [
    "a tensor name of 2^63 bytes",
    gguf({ tensors: [join(u64(2n ** 63n), new Uint8Array(40))] }),
    /length 9223372036854775808/,
  ],
  [
    "a tensor twice",
    gguf({ tensors: [tensor("a", [8]), tensor("a", [8], { offset: 32 })], data: 64 }),
    /tensor "a", byte \d+: expected each tensor once/,
  ],
  [
    "no dimensions",
    gguf({ tensors: [tensor("a", [4], { dimensions: 0 })], data: 32 }),
    /tensor "a", byte 33: expected 1 to 4 dimensions, found 0/,
  ],
  ["five dimensions", gguf({ tensors: [tensor("a", [1, 1, 1, 1, 1])], data: 32 }), /1 to 4 dimensions, found 5/],
  [
    "2^32 - 1 dimensions",
    gguf({ tensors: [tensor("a", [1], { dimensions: 2 ** 32 - 1 })], data: 32 }),
    /found 4294967295/,
  ],
  [
    "a dimension of 0",
    gguf({ tensors: [tensor("a", [4, 0])], data: 32 }),
    /expected dimension 1 of at least 1, found 0/,
  ],
  ["a dimension of -1", gguf({ tensors: [tensor("a", [-1n])], data: 32 }), /fewer than 2\^53 weights/],
  [
    "2^53 weights in two dimensions",
    gguf({ tensors: [tensor("a", [2 ** 27, 2 ** 27])], data: 32 }),
    /fewer than 2\^53 weights, found dimension 1 of 134217728/,
  ],
  ["2^54 bytes", gguf({ tensors: [tensor("a", [2 ** 52])], data: 32 }), /a size below 2\^53 bytes/],
  [
    "a type that was withdrawn",
    gguf({ tensors: [tensor("a", [32], { type: 4 })], data: 32 }),
    /expected a known ggml type, found type 4/,
  ],
  [
    "a type of the future",
    gguf({ tensors: [tensor("a", [32], { type: 2 ** 31 })], data: 32 }),
    /found type 2147483648/,
  ],
  [
    "rows of part blocks",
    gguf({ tensors: [tensor("a", [48], { type: 2 })], data: 32 }),
    /a multiple of 32 \(q4_0\), found rows of 48/,
  ],
  [
    "interleaved rows that do not divide",
    gguf({ tensors: [tensor("a", [32, 6], { type: 31 })], data: 128 }),
    /groups of 4 \(q4_0 4x4\), found 6 rows/,
  ],
  [
    "a gap between tensors",
    gguf({ tensors: [tensor("a", [4]), tensor("b", [4], { offset: 64 })], data: 96 }),
    /tensor "b", byte \d+: expected data offset 32, right after the tensor before, found 64/,
  ],
  [
    "an overlap",
    gguf({ tensors: [tensor("a", [16]), tensor("b", [4], { offset: 32 })], data: 96 }),
    /expected data offset 64.*found 32/,
  ],
  [
    "tensors in another order",
    gguf({ tensors: [tensor("a", [8], { offset: 32 }), tensor("b", [8])], data: 64 }),
    /tensor "a".*expected data offset 0.*found 32/,
  ],
  [
    "an offset that is not aligned",
    gguf({ tensors: [tensor("a", [4]), tensor("b", [4], { offset: 16 })], data: 64 }),
    /found 16 \(not a multiple of the alignment, 32\)/,
  ],
  [
    "an offset of 2^64 - 32",
    gguf({ tensors: [tensor("a", [4], { offset: -32n })], data: 32 }),
    /found 18446744073709551584/,
  ],
  [
    "offsets for 32 where 64 is stated",
    gguf({
      keys: [ALIGNMENT(64)],
      tensors: [tensor("a", [8]), tensor("b", [8], { offset: 32 })],
      data: 128,
      alignment: 64,
    }),
    /expected data offset 64/,
  ],
  [
    "a tensor that passes the end",
    gguf({ tensors: [tensor("a", [1000])], data: 32 }),
    /tensor "a", byte 64: expected 4000 bytes of data up to byte 4064, found a file of 96/,
  ],
  ["no data at all", gguf({ tensors: [tensor("a", [4])] }), /16 bytes of data/],
  [
    "bytes behind the last tensor",
    gguf({ tensors: [tensor("a", [4])], data: 64 }),
    /end of the data, byte 96: expected the file to end by byte 96, found 128 bytes/,
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

test.each(LIES)("%s is one clear error", async (_, file, message) => {
  const path = writeTemporary("lie.gguf", file);
  const before = process.memoryUsage().arrayBuffers;
  const error = await failureOf(path);
  expect(error).toMatchObject({ code: "bad-format" });
  expect(error.message.startsWith(`${path}: `), error.message).toBe(true);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain("\n");
  // Nothing is allocated for a count before it was held against the file.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 22);
});

test("the well-formed file opens, with and without the last tensor's padding", async () => {
  expect((await openModel(writeTemporary("good.gguf", GOOD))).tensors).toHaveLength(2);
  const withoutPadding = GOOD.subarray(0, GOOD.length - 16);
  expect((await openModel(writeTemporary("good.gguf", withoutPadding))).tensors).toHaveLength(2);
});

test("a file cut anywhere is refused", async () => {
  const folder = temporaryFolder();
  const path = joinPath(folder, "cut.gguf");
  for (let length = 0; length < GOOD.length - 16; length++) {
    writeFileSync(path, GOOD.subarray(0, length));
    expect(await failureOf(path), `${length} bytes`).toMatchObject({ code: "bad-format" });
  }
});

test("a file with any bytes changed is refused, or stays within itself", async () => {
  const folder = temporaryFolder();
  const path = joinPath(folder, "changed.gguf");
  const change = fc.tuple(fc.nat(GOOD.length - 97), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const file = GOOD.slice();
      for (const [at, byte] of changes) file[at] = byte;
      writeFileSync(path, file);
      try {
        const { tensors } = await openModel(path);
        for (const { byteOffset, byteLength } of tensors.flatMap(({ extents }) => extents)) {
          expect(byteOffset + byteLength).toBeLessThanOrEqual(file.length);
        }
      } catch (error) {
        expect(error).toMatchObject({ name: "QuantizeError" });
      }
    }),
    { numRuns: 500 },
  );
});

const UINT16 = 2;
const u16 = (value: number) => u8(value & 255, value >> 8);

/** A set of three files, one tensor each; `change` alters parts. */
function splitSet(change: Record<number, Uint8Array | null> = {}, total = 3): string {
  const folder = temporaryFolder();
  for (const index of [0, 1, 2]) {
    const file = change[index] === undefined ? shard(index, { total }) : change[index];
    if (file !== null) writeFileSync(joinPath(folder, `m-0000${index + 1}-of-00003.gguf`), file);
  }
  return joinPath(folder, "m-00001-of-00003.gguf");
}

function shard(index: number, { no = index, count = 3, total = 3, name = `t${index}` } = {}): Uint8Array {
  const keys = [
    ...(index === 0 ? [ARCHITECTURE] : []),
    key("split.no", UINT16, u16(no)),
    key("split.count", UINT16, u16(count)),
    key("split.tensors.count", 5, u32(total)),
  ];
  return gguf({ keys, tensors: [tensor(name, [8])], data: 32 });
}

test("opening any file of a set opens all of it", async () => {
  const first = splitSet();
  for (const number of [1, 2, 3]) {
    const model = await openModel(first.replace("-00001-", `-0000${number}-`));
    expect(model.tensors.map(({ name, extents }) => [name, extents[0]!.file])).toEqual([
      ["t0", 0],
      ["t1", 1],
      ["t2", 2],
    ]);
    expect([...model.metadata.keys()]).toEqual(["general.architecture"]);
    expect(model.files.map(({ path }) => path.slice(-22))).toEqual([
      "/m-00001-of-00003.gguf",
      "/m-00002-of-00003.gguf",
      "/m-00003-of-00003.gguf",
    ]);
  }
});

test.each<[string, () => string, string, RegExp]>([
  ["a missing file", () => splitSet({ 1: null }), "io", /file 2 of 3 of the set is missing: .*m-00002-of-00003.gguf/],
  ["an empty file", () => splitSet({ 2: u8() }), "bad-format", /m-00003-of-00003.gguf: magic/],
  ["two files alike", () => splitSet({ 2: shard(1) }), "bad-format", /"split.no": expected 2, found 1/],
  ["another count", () => splitSet({ 2: shard(2, { count: 4 }) }), "bad-format", /"split.count": expected 3, found 4/],
  ["a file that is no part", () => splitSet({ 1: GOOD }), "bad-format", /"split.no": expected 1, found none/],
  ["a tensor in two files", () => splitSet({ 2: shard(2, { name: "t1" }) }), "bad-format", /tensor "t1" is also in/],
  ["another total", () => splitSet({}, 4), "bad-format", /says 4 tensors, the 3 files hold 3/],
  [
    "a name without numbers",
    () => writeTemporary("m.gguf", shard(0)),
    "bad-format",
    /expected a name like model-00001-of-00003/,
  ],
  [
    "text for a number",
    () => splitSet({ 0: gguf({ keys: [key("split.count", STRING, text("3"))] }) }),
    "bad-format",
    /expected an integer, found type string/,
  ],
])("a set with %s is one clear error", async (_, make, code, message) => {
  const error = await failureOf(make());
  expect(error).toMatchObject({ code });
  expect(error.message).toMatch(message);
});

test.each<[string, () => string, RegExp]>([
  ["nothing there", () => joinPath(temporaryFolder(), "none.gguf"), /cannot be opened: no such file/],
  ["a device", () => "/dev/zero", /expected a file, found a device/],
  ["a file as folder", () => joinPath(writeTemporary("a.gguf", GOOD), "b.gguf"), /a part of the path is no folder/],
])("%s is one clear error", async (_, make, message) => {
  const error = await failureOf(make());
  expect(error).toMatchObject({ code: "io" });
  expect(error.message).toMatch(message);
});

test("a folder with a model's name is a Hugging Face folder or nothing", async () => {
  const path = joinPath(temporaryFolder(), "m.gguf");
  mkdirSync(path);
  expect((await failureOf(path)).message).toMatch(/no config.json/);
});
