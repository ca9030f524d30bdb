import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseManifest } from "#dist/src/container/manifest.js";
import { resolveCodec } from "#dist/codecs/registry.js";
import { diffModels } from "#dist/src/jobs/diff-models.js";
import { pack, unpack } from "#dist/src/jobs/repack.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { diffText } from "#dist/src/report/diff-text.js";
import { cli, FABLE, temporaryFolder } from "../support/cli.ts";
import { modelMetadata, randomWeights, tensorShapes, writeGguf, type GgufTensor } from "../support/models.ts";

const SHAPE = {
  ...{ name: "stock", layers: 1, width: 64, feedForward: 64, heads: 2, valueHeads: 2 },
  codec: "f32",
} as const;

/** A q8_0 file of another program: tensors in its own order, no `general.quantization_version`. */
function writeStockFile(path: string): void {
  const tensors = tensorShapes(SHAPE).map(([name, shape], seed): GgufTensor => {
    const codec = resolveCodec(shape.length === 1 ? "f32" : "q8_0");
    const weights = randomWeights(shape[0]! * (shape[1] ?? 1), seed, 0.1);
    const bytes = new Uint8Array((weights.length / codec.blockSize) * codec.blockBytes);
    codec.encode!(weights, bytes, { rowLength: shape[0]! });
    return { name, shape, type: shape.length === 1 ? 0 : 8, bytes };
  });
  writeGguf(path, modelMetadata(SHAPE), tensors);
}

test("a stock file that was packed and unpacked without manifest is the same file, byte for byte", async () => {
  const folder = temporaryFolder();
  const [input, packed, output] = ["in.gguf", "packed.gguf", "out.gguf"].map((name) => join(folder, name));
  writeStockFile(input!);
  const { tensors } = await pack({ input: input!, output: packed!, layout: "4x8" });
  expect(tensors.filter(({ to }) => to.layout === "4x8").length).toBeGreaterThan(5);
  await unpack({ input: packed!, output: output!, manifest: false });
  expect(readFileSync(output!).equals(readFileSync(input!))).toBe(true);
});

test("so is every file of a set", async () => {
  const folder = temporaryFolder();
  const set = { input: FABLE, scheme: "q4_0", splitMaxBytes: 300_000, manifest: false, verify: "off" } as const;
  const { outputs, output } = await quantize({ ...set, output: join(folder, "in.gguf") });
  const packed = await pack({ input: output, output: join(folder, "packed.gguf"), layout: "4x8" });
  const unpacked = await unpack({ input: packed.output, output: join(folder, "out.gguf"), manifest: false });
  expect(unpacked.outputs).toHaveLength(outputs!.length);
  for (const [i, path] of unpacked.outputs!.entries()) {
    expect(readFileSync(path).equals(readFileSync(outputs![i]!)), path).toBe(true);
  }
});

test("a stock file can have its manifest beside it instead of inside", async () => {
  const folder = temporaryFolder();
  const [output, manifestFile] = [join(folder, "out.gguf"), join(folder, "out.json")];
  const report = await quantize({ input: FABLE, scheme: "q4_0", output, manifest: false, manifestFile });
  const { metadata, tensors } = await openModel(output);
  expect([...metadata.keys()].filter((key) => key.startsWith("quantize."))).toEqual([]);
  const manifest = await parseManifest(readFileSync(manifestFile, "utf8"), manifestFile);
  expect(manifest.tensors.map(({ hash }) => hash)).toEqual(report.tensors.map(({ hash }) => hash));
  expect(tensors).toHaveLength(manifest.tensors.length);
});

test.each([
  ["codebooks", ["-s", "q4_cb"], /output\.weight and 15 more would be q4_cb in layout rows, which only the manifest/],
  ["packed rows", ["-s", "q8_0", "-l", "4x8"], /would be q8_0 in layout 4x8/],
])("files that need their manifest are refused without: %s", (_, options, message) => {
  const folder = temporaryFolder();
  const { code, stderr } = cli([FABLE, ...options, "--no-manifest"], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(readdirSync(folder)).toEqual([]);
});

test("files that differ in their manifests only are the same model, and diff says what differs", async () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, `${name}.gguf`);
  const options = { input: FABLE, scheme: "q4_0" };
  await quantize({ ...options, output: at("a"), provenance: { by: "me" } });
  await quantize({ ...options, output: at("b"), provenance: { by: "you" } });
  await quantize({ ...options, output: at("c"), manifest: false });
  const notes = await diffModels({ a: at("a"), b: at("b") });
  expect(notes).toMatchObject({ isSame: true, manifest: { kind: "value", parts: ["provenance"] } });
  expect(diffText(notes)).toContain("the manifests differ in provenance");
  const bare = await diffModels({ a: at("a"), b: at("c") });
  expect(bare).toMatchObject({ isSame: true, manifest: { kind: "only-a" } });
  expect(diffText(bare)).toContain("only the first has a manifest");
  expect(await diffModels({ a: at("a"), b: at("a") })).not.toHaveProperty("manifest");
});
