/**
 * Which files of a repository a model needs: of a folder what describes it and its safetensors, of a GGUF the file or
 * all of its split set; never the same weights in another format beside them.
 */
import { QuantizeError } from "../errors.ts";
import { formatBytes } from "../text/format-number.ts";
import { printable } from "../text/printable.ts";
import { quote } from "../text/quote.ts";
import { nearestName } from "../text/nearest-name.ts";

/** What is chosen from: names and sizes. */
export interface NamedFile {
  readonly path: string;
  readonly byteLength: number;
}

export interface Choice<F extends NamedFile> {
  /** What is opened in the end: a file, or a folder (`""` is the repository's). */
  readonly path: string;
  /** JSON, vocabularies, the card: read whole, whatever is asked of the model. */
  readonly descriptions: readonly F[];
  readonly weights: readonly F[];
}

/** What the reader of Hugging Face folders looks for beside weights. */
export const DESCRIPTION_NAMES: readonly string[] = [
  ...["config.json", "generation_config.json", "README.md", "modules.json"],
  ...["tokenizer.json", "tokenizer_config.json", "tokenizer.model", "sentencepiece.bpe.model", "added_tokens.json"],
  ...["vocab.json", "merges.txt", "vocab.txt", "chat_template.json", "chat_template.jinja"],
  ...["quantize_config.json", "quant_config.json", "hf_quant_config.json"],
];

const INDEX_NAME = "model.safetensors.index.json";
const TEMPLATE_FOLDER = "additional_chat_templates/";
/** Largest file that describes a model: as the readers of JSON have it. */
const MAX_DESCRIPTION_BYTES = 1 << 28;
const SHARD = /-\d{5}-of-\d{5}(?=\.gguf$)/;

/**
 * Chooses.
 * @param place a file, a folder, or a type's name that one GGUF of the repository has in its own; default: the folder
 * model at the root, or the only GGUF
 * @param subject for error messages
 * @param readWeightMap fetches an index and returns the files that it names
 * @throws QuantizeError `usage` for a place that is not there or a choice that is not ours, `unsupported` where there is
 * nothing to read, `bad-format` for an index that names what is not there
 */
export async function chooseFiles<F extends NamedFile>(
  files: readonly F[],
  place: string | undefined,
  subject: string,
  readWeightMap: (index: F) => Promise<readonly string[]>,
): Promise<Choice<F>> {
  const exact = files.find(({ path }) => path === place);
  const folder = place === undefined ? "" : `${place}/`;
  const inside = files.filter(({ path }) => path.startsWith(folder));
  if (exact?.path.endsWith(".gguf")) return chooseGguf(files, exact, subject);
  if (exact !== undefined && /(^|\/)model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(exact.path)) {
    const parent = exact.path.slice(0, exact.path.lastIndexOf("/") + 1);
    if (files.some(({ path }) => path === `${parent}config.json`)) {
      return chooseFolder(files, parent, subject, readWeightMap);
    }
  }
  if (exact?.path.endsWith(".safetensors")) return { path: exact.path, descriptions: [], weights: [exact] };
  if (exact !== undefined) throw new QuantizeError("usage", `${subject}: expected a .gguf or a .safetensors`);
  if (inside.some(({ path }) => path === `${folder}config.json`) && hasSafetensors(inside, folder)) {
    return chooseFolder(inside, folder, subject, readWeightMap);
  }
  const models = ggufModels(inside.length > 0 ? inside : files);
  const matching = inside.length > 0 ? models : models.filter(({ path }) => hasTag(path, place!));
  if (matching.length === 1) return chooseGguf(files, matching[0]!, subject);
  throw place !== undefined && inside.length === 0 && matching.length === 0
    ? notThere(files, place, subject)
    : nothingChosen(inside, matching, subject);
}

function hasSafetensors(files: readonly NamedFile[], folder: string): boolean {
  return files.some(({ path }) => path.endsWith(".safetensors") && !path.slice(folder.length).includes("/"));
}

async function chooseFolder<F extends NamedFile>(
  files: readonly F[],
  folder: string,
  subject: string,
  readWeightMap: (index: F) => Promise<readonly string[]>,
): Promise<Choice<F>> {
  const inside = new Map<string, F>();
  for (const file of files) if (file.path.startsWith(folder)) inside.set(file.path.slice(folder.length), file);
  const isPooled = inside.has("modules.json");
  const descriptions = [...inside].filter(
    ([name]) =>
      DESCRIPTION_NAMES.includes(name) ||
      (name.startsWith(TEMPLATE_FOLDER) && name.endsWith(".jinja")) ||
      (isPooled && /^[^/]+\/config\.json$/.test(name)),
  );
  const index = inside.get(INDEX_NAME);
  if (index !== undefined) descriptions.push([INDEX_NAME, index]);
  for (const [name, { byteLength }] of descriptions) {
    if (byteLength <= MAX_DESCRIPTION_BYTES) continue;
    const expected = `expected at most ${MAX_DESCRIPTION_BYTES} bytes, found ${byteLength}`;
    throw new QuantizeError("bad-format", `${subject}: ${quote(name)}: ${expected}`);
  }
  const names = index === undefined ? weightNames([...inside.keys()]) : new Set(await readWeightMap(index));
  const weights = [...names].sort().map((name) => {
    const file = inside.get(name);
    if (file !== undefined && !name.includes("/")) return file;
    throw new QuantizeError("bad-format", `${subject}: ${INDEX_NAME} names ${quote(name)}, which is not there`);
  });
  const path = folder.replace(/\/$/, "");
  return { path, descriptions: descriptions.map(([, file]) => file), weights };
}

/** As a folder is opened that has no index: those that are called `model`, or the only one. */
function weightNames(names: readonly string[]): ReadonlySet<string> {
  const all = names.filter((name) => name.endsWith(".safetensors") && !name.includes("/"));
  const own = all.filter((name) => name.startsWith("model"));
  return new Set(own.length > 0 ? own : all);
}

/** A name for all files of a split set. */
const setName = (path: string): string => path.replace(SHARD, "");

/** Models in GGUF, of split sets the first file; without projectors of pictures and importance files. */
function ggufModels<F extends NamedFile>(files: readonly F[]): readonly F[] {
  const models = files.filter(
    ({ path }) => path.endsWith(".gguf") && !/(^|\/)mmproj|imatrix[^/]*$/i.test(path) && !isLaterShard(path),
  );
  return models.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

const isLaterShard = (path: string): boolean => SHARD.test(path) && !/-00001-of-\d{5}\.gguf$/.test(path);

/** Whether a type's name stands in a file's, as a word. */
function hasTag(path: string, tag: string): boolean {
  const name = setName(path).replace(/\.gguf$/, "");
  return `-${name}-`.toLowerCase().replaceAll(/[./]/g, "-").includes(`-${tag.toLowerCase()}-`);
}

function chooseGguf<F extends NamedFile>(files: readonly F[], chosen: F, subject: string): Choice<F> {
  const shard = /-\d{5}-of-(\d{5})\.gguf$/.exec(chosen.path);
  if (shard === null) return { path: chosen.path, descriptions: [], weights: [chosen] };
  const suffix = `-of-${shard[1]}.gguf`;
  const set = files.filter(({ path }) => setName(path) === setName(chosen.path) && path.endsWith(suffix));
  if (set.length !== Number(shard[1])) {
    const message = `${subject}: ${printable(chosen.path)} is one of ${Number(shard[1])} files, found ${set.length}`;
    throw new QuantizeError("bad-format", message);
  }
  return { path: chosen.path, descriptions: [], weights: set.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

function notThere(files: readonly NamedFile[], place: string, subject: string): QuantizeError {
  const nearest = nearestName(
    place,
    files.map(({ path }) => path),
  );
  const models = ggufModels(files);
  const hint = nearest !== undefined ? `did you mean ${printable(nearest)}?` : `it holds ${list(models)}`;
  return new QuantizeError("usage", `${subject}: no such file, folder or type; ${hint}`);
}

function nothingChosen(files: readonly NamedFile[], models: readonly NamedFile[], subject: string): QuantizeError {
  if (models.length > 0) {
    return new QuantizeError(
      "usage",
      `${subject}: ${models.length} GGUF files, name one behind a colon: ${list(models)}`,
    );
  }
  const hasPickles = files.some(({ path }) => /\.(bin|pth|pt|ckpt)$/.test(path));
  const found = hasPickles ? "weights as PyTorch pickles only" : "neither";
  const expected = "expected config.json and safetensors, or a GGUF";
  return new QuantizeError("unsupported", `${subject}: ${expected}, found ${found}`);
}

const MAX_LISTED = 12;

function list(models: readonly NamedFile[]): string {
  if (models.length === 0) return "no GGUF";
  const names = models.slice(0, MAX_LISTED).map((file) => `${printable(file.path)} (${formatBytes(file.byteLength)})`);
  return names.join(", ") + (models.length > MAX_LISTED ? ` and ${models.length - MAX_LISTED} more` : "");
}
