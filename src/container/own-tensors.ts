/**
 * Files of ours, read back: tensors that are carried as signed bytes become what the manifest says they are, after
 * each of its claims has been checked against the carrier and the learned tables.
 */
import { MAX_LEVELS, MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import { isCodebookFormat, findFormat } from "../../codecs/registry.ts";
import type { BlockFormat, Codebook, CodebookFormat } from "../../codecs/codec.ts";
import { findLayout } from "../../layouts/registry.ts";
import { QuantizeError } from "../errors.ts";
import { carrierOf } from "./carrier.ts";
import { I8_TYPE } from "../read/gguf/gguf-types.ts";
import { manifestOf } from "./manifest.ts";
import { levelsKey, MANIFEST_KEY, MANIFEST_VERSION, tablesKey, VERSION_KEY } from "./manifest-keys.ts";
import type { ManifestTensor } from "./manifest.ts";
import { sliceCount, type Metadata, type Model, type Tensor } from "../read/model.ts";
import { quote } from "../text/quote.ts";

/**
 * The model with its carried tensors as what they are. Tensors under a number of their own speak for themselves: the
 * manifest is not asked about them (another program may have requantized the file and kept its keys).
 * @throws QuantizeError `bad-format` when a claim does not fit, `unsupported` for a later version or unknown format
 */
export async function restoreOwnTensors(model: Model): Promise<Model> {
  const version = model.metadata.get(VERSION_KEY);
  if (version === undefined) return model;
  if (version.type !== "uint32" || version.value !== MANIFEST_VERSION) {
    const found = version.type === "uint32" ? String(version.value) : version.type;
    throw new QuantizeError(
      "unsupported",
      `${model.path}: key "${VERSION_KEY}": expected ${MANIFEST_VERSION}, found ${found} (written by a newer version?)`,
    );
  }
  if (!model.tensors.some((tensor) => tensor.codec === "i8")) return model;
  const manifest = await manifestOf(model.metadata, model.path);
  if (manifest === undefined) {
    throw new QuantizeError("bad-format", `${model.path}: expected the key "${MANIFEST_KEY}", found none`);
  }
  const claims = new Map<string, ManifestTensor>();
  for (const claim of manifest.tensors) {
    if (claims.has(claim.name)) {
      throw new QuantizeError("bad-format", `${model.path}: manifest: tensor ${quote(claim.name)} twice`);
    }
    claims.set(claim.name, claim);
  }
  const tensors = model.tensors.map((tensor) => {
    const claim = tensor.codec === "i8" ? claims.get(tensor.name) : undefined;
    return claim === undefined || claim.codec === "i8" ? tensor : restoreTensor(model, tensor, claim);
  });
  return { ...model, tensors };
}

function restoreTensor(model: Model, tensor: Tensor, claim: ManifestTensor): Tensor {
  const fail = (what: string, code: "bad-format" | "unsupported" = "bad-format") =>
    new QuantizeError(code, `${model.path}: tensor ${quote(tensor.name)}: ${what}`);
  const format = findFormat(claim.codec);
  if (format === undefined) throw fail(`the format "${claim.codec}" is unknown`, "unsupported");
  const { shape } = claim;
  if (shape[0]! % format.blockSize !== 0) {
    throw fail(`rows of ${shape[0]} do not divide into ${format.name} blocks of ${format.blockSize}`);
  }
  checkLayout(format, claim, fail);
  const carrier = carrierOf(format, claim.layout, shape);
  if (carrier.ggmlType !== I8_TYPE || carrier.shape.join() !== tensor.shape.join()) {
    const expected = carrier.ggmlType === I8_TYPE ? `a carrier of ${carrier.shape.join(" x ")}` : "no carrier";
    throw fail(
      `${format.name} of ${shape.join(" x ")}: expected ${expected}, found bytes of ${tensor.shape.join(" x ")}`,
    );
  }
  const stored = { ...tensor, codec: format.name, layout: claim.layout, shape };
  return isCodebookFormat(format)
    ? { ...stored, codebooks: readCodebooks(model.metadata, stored, format, fail) }
    : stored;
}

type Fail = (what: string, code?: "bad-format" | "unsupported") => QuantizeError;

function checkLayout(format: BlockFormat, { layout: layoutName, shape }: ManifestTensor, fail: Fail): void {
  const layout = findLayout(format, layoutName);
  if (layout === undefined) throw fail(`${format.name} does not come in the layout "${layoutName}"`, "unsupported");
  const rows = shape[1] ?? 1;
  if (rows % layout.rowsPerGroup !== 0) {
    throw fail(`${rows} rows do not divide into groups of ${layout.rowsPerGroup} (layout ${layoutName})`);
  }
}

function readCodebooks(metadata: Metadata, tensor: Tensor, format: CodebookFormat, fail: Fail): Codebook[] {
  const slices = sliceCount(tensor.shape);
  const tables = arrayUnder(metadata, tablesKey(tensor.name), Int8Array, fail);
  const levels = arrayUnder(metadata, levelsKey(tensor.name), Float32Array, fail);
  const tablesEach = tables.length / slices;
  if (!isCount(tablesEach / format.tableLength, MAX_TABLES)) {
    const expected = `1 to ${MAX_TABLES} tables of ${format.tableLength} for each of ${slices} slices`;
    throw fail(`key "${tablesKey(tensor.name)}": expected ${expected}, found ${tables.length} entries`);
  }
  const levelsEach = levels.length / slices;
  if (!isCount(levelsEach, MAX_LEVELS)) {
    const expected = `1 to ${MAX_LEVELS} levels for each of ${slices} slices`;
    throw fail(`key "${levelsKey(tensor.name)}": expected ${expected}, found ${levels.length}`);
  }
  const wrong = levels.findIndex((level) => !Number.isFinite(level));
  if (wrong >= 0) throw fail(`key "${levelsKey(tensor.name)}": level ${wrong} is ${levels[wrong]}`);
  return Array.from({ length: slices }, (_, slice) => ({
    tables: tables.subarray(slice * tablesEach, (slice + 1) * tablesEach),
    levels: levels.subarray(slice * levelsEach, (slice + 1) * levelsEach),
  }));
}

function arrayUnder<T extends Int8Array | Float32Array>(
  metadata: Metadata,
  key: string,
  Kind: { new (length: number): T; readonly name: string },
  fail: Fail,
): T {
  const value = metadata.get(key);
  if (value?.type === "array" && value.values instanceof Kind) return value.values;
  const found = value === undefined ? "none" : value.type === "array" ? `array of ${value.elementType}` : value.type;
  throw fail(`key "${key}": expected an ${Kind.name}, found ${found}`);
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
