import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { rowBytes, type CodebookFormat } from "#dist/codecs/codec.js";
import { findFormat } from "#dist/codecs/registry.js";
import type { Metadata } from "#dist/src/read/model.js";
import { openModel } from "#dist/src/open/open-model.js";
import { carrierOf } from "#dist/src/container/carrier.js";
import { ANY_HASH, LONGEST_NUMBER, manifestOf, manifestRoom, manifestText } from "#dist/src/container/manifest.js";
import type { Manifest, ManifestTensor } from "#dist/src/container/manifest.js";
import { joinCodebooks, withStorageKeys } from "#dist/src/container/storage-keys.js";
import { ggufFile, writeTemporary } from "../support/gguf-file.ts";

const Q4_CB = findFormat("q4_cb") as CodebookFormat;
const Q4_0 = findFormat("q4_0")!;

const draft = (tensors: ManifestTensor[]): Manifest => ({
  format: 1,
  tool: { name: "quantize", version: "0.1.0" },
  source: { format: "gguf", files: [{ name: "a.gguf", bytes: 1 }] },
  tensors,
});

const quality = { nmse: LONGEST_NUMBER, cosine: LONGEST_NUMBER };
const EXPERTS = { name: "e.weight", codec: "q4_cb", layout: "4x8", shape: [64, 8, 3], bytes: 864, hash: ANY_HASH };
const PACKED = { name: "p.weight", codec: "q4_0", layout: "4x4", shape: [64, 8], bytes: 288, hash: ANY_HASH };

const codebooks = Array.from({ length: 3 }, (_, slice) => ({
  tables: Int8Array.from({ length: 2 * Q4_CB.tableLength }, (_, i) => i - slice),
  levels: Float32Array.from({ length: 256 }, (_, i) => i / 256 + slice),
}));

const NOTHING: Metadata = new Map();

/** A file of one codebook tensor with three slices and one packed stock tensor. */
function ownFile(change: (manifest: Manifest, metadata: Metadata) => Metadata = (_, metadata) => metadata): string {
  const manifest = draft([{ ...EXPERTS, quality }, { ...PACKED }]);
  const room = manifestRoom(manifest);
  let metadata = withStorageKeys(NOTHING, [joinCodebooks("e.weight", codebooks)], manifestText(manifest, room));
  metadata = change(manifest, metadata);
  const tensors = [
    { ...EXPERTS, ...carrierOf(Q4_CB, "4x8", EXPERTS.shape), bytes: new Uint8Array(864) },
    { ...PACKED, ...carrierOf(Q4_0, "4x4", PACKED.shape), bytes: new Uint8Array(288) },
  ];
  return writeTemporary("own.gguf", ggufFile(metadata, tensors));
}

test("carried tensors come back as what they are", async () => {
  const model = await openModel(ownFile());
  expect(model.tensors[0]).toMatchObject({ codec: "q4_cb", layout: "4x8", shape: [64, 8, 3], codebooks });
  expect(model.tensors[1]).toMatchObject({ codec: "q4_0", layout: "4x4", shape: [64, 8] });
  expect((await manifestOf(model.metadata, "own.gguf"))!.tensors[0]!.quality).toEqual(quality);
});

test("a carrier has the bytes of a row, then rows and slices", () => {
  expect(carrierOf(Q4_CB, "rows", [64, 8, 3])).toEqual({ ggmlType: 24, shape: [rowBytes(Q4_CB, 64), 8, 3] });
  expect(carrierOf(Q4_0, "rows", [64, 8])).toEqual({ ggmlType: 2, shape: [64, 8] });
  expect(carrierOf(Q4_0, "4x8", [64, 8])).toEqual({ ggmlType: 24, shape: [36, 8] });
  expect(carrierOf(Q4_0, "4x8", [64, 8], "ik_llama.cpp")).toEqual({ ggmlType: 32, shape: [64, 8] });
});

test("a finished manifest is padded to its room, and refused when longer", () => {
  const manifest = draft([{ ...EXPERTS, quality }]);
  const room = manifestRoom(manifest);
  const finished = draft([{ ...EXPERTS, quality: { nmse: 0.5, cosine: 1 } }]);
  expect(Buffer.byteLength(manifestText(finished, room))).toBe(room);
  expect(() => manifestText(manifest, room - 1)).toThrow(RangeError);
});

const rewrite = (edit: (manifest: Manifest) => unknown) => (manifest: Manifest, metadata: Metadata) =>
  new Map(metadata).set("quantize.manifest", { type: "string", value: JSON.stringify(edit(manifest)) });
const claim = (part: Partial<ManifestTensor>) => rewrite(() => draft([{ ...EXPERTS, ...part }, PACKED]));
const array = (elementType: "int8" | "float32", values: ArrayLike<number>) =>
  ({ type: "array", elementType, values }) as const;

test.each<[string, (manifest: Manifest, metadata: Metadata) => Metadata, RegExp]>([
  ["another shape", claim({ shape: [64, 4, 6] }), /expected a carrier of 36 x 4 x 6, found bytes of 36 x 8 x 3/],
  ["rows of part blocks", claim({ shape: [60, 8, 3] }), /rows of 60 do not divide into q4_cb blocks of 32/],
  ["a format for another carrier", claim({ codec: "q8_0" }), /expected a carrier of 68 x 8 x 3/],
  ["a stock type in rows", claim({ codec: "q4_0", layout: "rows" }), /expected no carrier/],
  ["an unknown format", claim({ codec: "q9_cb" }), /"q9_cb" is unknown/],
  ["an unknown layout", claim({ layout: "5x5" }), /"5x5"/],
  ["a tensor twice", rewrite(() => draft([EXPERTS, EXPERTS])), /"e.weight" twice/],
  ["no JSON", (_, m) => new Map(m).set("quantize.manifest", { type: "string", value: "{" }), /expected JSON/],
  ["a missing field", rewrite((m) => ({ ...m, tensors: undefined })), /manifest, tensors:/],
  [
    "a manifest that is no string",
    (_, m) => new Map(m).set("quantize.manifest", { type: "uint8", value: 1 }),
    /string/,
  ],
  ["no manifest", (_, m) => (m.delete("quantize.manifest"), m), /quantize.manifest/],
  ["a later version", (_, m) => m.set("quantize.format.version", { type: "uint32", value: 2 }), /newer version/],
  ["no tables", (_, m) => (m.delete("quantize.codebook.e.weight.tables"), m), /tables.*found none/],
  [
    "tables of another type",
    (_, m) => m.set("quantize.codebook.e.weight.tables", array("float32", new Float32Array(96))),
    /expected an Int8Array, found array of float32/,
  ],
  [
    "part of a table",
    (_, m) => m.set("quantize.codebook.e.weight.tables", array("int8", new Int8Array(95))),
    /found 95 entries/,
  ],
  [
    "too many levels",
    (_, m) => m.set("quantize.codebook.e.weight.levels", array("float32", new Float32Array(771))),
    /found 771/,
  ],
  [
    "a level that is not finite",
    (_, m) => m.set("quantize.codebook.e.weight.levels", array("float32", new Float32Array(768).fill(NaN))),
    /level 0 is NaN/,
  ],
])("a claim that does not fit is refused: %s", async (_, change, message) => {
  const error = await openModel(ownFile(change)).catch((error: unknown) => error);
  expect(error).toMatchObject({ name: "QuantizeError" });
  expect((error as Error).message).toMatch(message);
});

test("other files have no manifest", async () => {
  const model = await openModel(fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url)));
  expect(await manifestOf(model.metadata, "fable")).toBeUndefined();
});
