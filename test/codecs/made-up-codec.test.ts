/**
 * Adding a codec is one file and one entry of the registry: the example of docs/adding-a-codec.md is added to a copy of
 * the program's sources, which is compiled, and every verb knows it. No other file of the copy is touched.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { cli, FABLE, ROOT, temporaryFolderForFile } from "../support/cli.ts";
import { writeModel } from "../support/models.ts";

const NAME = "q8_s";
const ENCODED = "blk.0.ffn_up.weight";
const root = temporaryFolderForFile();
const at = (file: string): string => join(root, file);

/** The first TypeScript example of a page. */
function exampleIn(page: string): string {
  const [, code] = /```ts\r?\n(.*?)```/s.exec(readFileSync(join(ROOT, page), "utf8")) ?? [];
  return code!;
}

/** An entry of the registry, after q8_0's. */
function register(path: string): void {
  const registry = readFileSync(path, "utf8");
  const withEntry = registry.replace(/^ {2}q8_0,/m, `  q8_0,\n  ${NAME},`);
  expect(withEntry).not.toBe(registry);
  writeFileSync(path, `import { ${NAME} } from "./blocks/${NAME}.ts";\n${withEntry}`);
}

beforeAll(() => {
  for (const part of ["bin", "src", "layouts", "codecs", "package.json", "tsconfig.json", "bundle.mjs"])
    cpSync(join(ROOT, part), at(part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), at("node_modules"), "junction");
  writeFileSync(at(`codecs/blocks/${NAME}.ts`), exampleIn("docs/adding-a-codec.md"));
  register(at("codecs/registry.ts"));
  const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: root, stdio: "pipe" });
  run("node_modules/typescript/bin/tsc", "-p", "tsconfig.json");
  run("bundle.mjs");
  mkdirSync(at("dist"), { recursive: true });
  cpSync(join(ROOT, "dist/quantize.wasm"), at("dist/quantize.wasm"));
  const encoded = json([FABLE, "--scheme", NAME, "--pure", "-o", at("fable.gguf"), "--max-nmse", "0.0005"]);
  expect(encoded).toMatchObject({ scheme: NAME, backend: "wasm", totals: { encodedTensors: 16 } });
}, 120_000);

/** The JSON result of a command that must succeed. */
function json(args: readonly string[]): any {
  const { code, stdout, stderr } = cli([...args, "--json"], { root, cwd: root });
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

const find = (result: { tensors: any[] }, name: string) => result.tensors.find((tensor) => tensor.name === name);

test("it is listed as its file says", () => {
  const { schemes } = json(["schemes"]);
  const listed = schemes.find(({ name }: { name: string }) => name === NAME);
  expect(listed).toMatchObject({ kind: "type", bitsPerWeight: 8.5, blockSize: 32, isStock: false });
  expect(listed.about).toMatch(/^8-bit codes whose squares/);
});

test("it is planned, and rows that do not divide fall back", () => {
  writeModel(at("odd.gguf"), { name: "odd", layers: 1, width: 64, feedForward: 100, heads: 4, valueHeads: 4 });
  const plan = json(["plan", at("odd.gguf"), "--scheme", NAME]);
  expect(find(plan, "blk.0.ffn_up.weight")).toMatchObject({ codec: NAME, byteLength: 64 * 100 * (34 / 32) });
  expect(find(plan, "blk.0.ffn_down.weight")).toMatchObject({
    codec: "f16",
    isFallback: true,
    reason: `fallback: rows of 100 do not divide by 32 (${NAME})`,
  });
});

test("it is encoded in the workers, of either backend, to the same bytes", () => {
  json([FABLE, "--scheme", NAME, "--pure", "-o", at("scalar.gguf"), "--backend", "scalar"]);
  expect(readFileSync(at("scalar.gguf")).equals(readFileSync(at("fable.gguf")))).toBe(true);
});

test("its weights are found to the bit", () => {
  const element = json(["inspect", at("fable.gguf"), "--tensor", ENCODED, "--element", "5,40"]);
  expect(element).toMatchObject({ codec: NAME, block: 1, columnInBlock: 8 });
  const [code, scale] = element.parts;
  expect([code, scale]).toMatchObject([
    { field: "qs", label: "code", bits: 8 },
    { field: "d", label: "scale", bits: 16 },
  ]);
  const q = (code.value << 24) >> 24;
  expect(element.value).toBeCloseTo((Number(scale.reading) * q * Math.abs(q)) / 127 ** 2, 6);
});

test("it is verified, and damage is found", () => {
  expect(json(["verify", at("fable.gguf"), "--against", FABLE]).damaged).toEqual([]);
  const bytes = readFileSync(at("fable.gguf"));
  bytes[bytes.length - 40]! ^= 1;
  writeFileSync(at("damaged.gguf"), bytes);
  expect(cli(["verify", at("damaged.gguf"), "--against", FABLE], { root }).code).toBe(3);
});

test("packing leaves it in rows and says so, and unpacking gives the same bytes", () => {
  const packed = json(["pack", at("fable.gguf"), "--layout", "4x8", "-o", at("packed.gguf")]);
  expect(find(packed, ENCODED)).toMatchObject({
    to: { codec: NAME, layout: "rows" },
    reason: `rows: ${NAME} does not come in 4x8`,
  });
  json(["unpack", at("packed.gguf"), "-o", at("unpacked.gguf")]);
  expect(json(["diff", at("fable.gguf"), at("unpacked.gguf")]).isSame).toBe(true);
});

test("it becomes its stock type, or floats, for other programs", () => {
  const exported = json([at("fable.gguf"), "--export", "-o", at("stock.gguf")]);
  expect(find(exported, ENCODED).to).toEqual({ codec: "q8_0", layout: "rows" });
  const floats = json(["dequantize", at("fable.gguf"), "--to", "f32", "-o", at("floats.gguf")]);
  expect(find(floats, ENCODED)).toMatchObject({ to: { codec: "f32" }, quality: { nmse: 0 } });
});
