/**
 * What the name of a model on the hub says: `org/Base-7B-Instruct-v0.2` has an organization, a base name, a size, a
 * purpose and a version. The rules are those of llama.cpp's converter (gguf-py, metadata.py), whose keys programs sort
 * models by.
 */

/** Parts of a name; those that it does not have are absent. */
export interface ModelId {
  readonly name: string;
  readonly organization?: string;
  readonly basename?: string;
  readonly finetune?: string;
  readonly version?: string;
  readonly sizeLabel?: string;
}

const VERSION = /^(v|iter)?\d+([.]\d+)*$/i;
const QUANTIZATION = /^(i?q\d(_\w)*|b?fp?(16|32))$/i;
const SIZE = /^((A|\d+x)?\d+([._]\d+)?[KMBT]\d?|small|mini|medium|large|x?xl)$/i;
const ACTIVE_SIZE = /^A\d+([._]\d+)?[KMBT]\d?$/i;
const PURPOSE = /^(chat|instruct|vision|lora)$/i;

type Kind = "basename" | "size" | "finetune" | "version" | "type";

/** A part between hyphens, and what it was taken for. */
interface NamePart {
  text: string;
  readonly kinds: Set<Kind>;
}

/** Cuts a name into its parts. @param weights of the model: a size that is far from it is a context length */
export function parseModelId(id: string, weights: number): ModelId {
  // A sentence is no id.
  if (id.includes(" ")) return { name: id };
  const slash = id.indexOf("/");
  const name = id.slice(slash + 1);
  const owner = slash < 0 ? "" : id.slice(0, slash);
  const organization = owner === "" || owner.startsWith(".") ? {} : { organization: owner };
  const parts = name
    .split("-")
    .filter((text) => text !== "")
    .map((text): NamePart => ({ text, kinds: new Set() }));
  for (const index of parts.keys()) annotate(parts, index, weights);
  preferNumbers(parts);
  nameBase(parts);
  const textsOf = (kind: Kind, without?: Kind) =>
    parts.filter(({ kinds }) => kinds.has(kind) && !(without && kinds.has(without))).map(({ text }) => text);
  const [basename, finetune, version] = [textsOf("basename"), textsOf("finetune"), textsOf("version", "basename")];
  const size = [...new Set(textsOf("size"))];
  // A base name alone may be anything.
  const isClear = size.length + finetune.length + version.length > 0;
  const joined = <K extends string>(key: K, texts: readonly string[]) =>
    (texts.length === 0 ? {} : { [key]: texts.join("-") }) as Partial<Record<K, string>>;
  return {
    name,
    ...organization,
    ...joined("basename", isClear ? basename : []),
    ...joined("finetune", finetune),
    ...joined("version", version),
    ...joined("sizeLabel", size),
  };
}

function annotate(parts: readonly NamePart[], index: number, weights: number): void {
  const part = parts[index]!;
  if (VERSION.test(part.text)) part.kinds.add("version");
  else if (QUANTIZATION.test(part.text)) {
    part.kinds.add("type");
    part.text = part.text.toUpperCase();
  } else if (index > 0 && SIZE.test(part.text)) {
    const label = normalLabel(part.text);
    const next = parts[index + 1];
    const isFar = weights !== 0 && isFarFrom(sizeOf(label), weights) && !isFollowedByActive(next?.text, weights);
    part.kinds.add(isFar ? "finetune" : "size");
    part.text = isFar ? label.slice(0, -1) + label.slice(-1).toLowerCase() : label;
  } else if (index > 0 && PURPOSE.test(part.text)) part.kinds.add("finetune");
}

/** `7b` as `7B`, `7_1B` as `7.1B`, `7b1` as `7.1B`. */
function normalLabel(text: string): string {
  let label = text.replaceAll("_", ".");
  if (/\d$/.test(label)) label = `${label.slice(0, -2)}.${label.slice(-1)}${label.slice(-2, -1)}`;
  return /\d[kmbt]$/.test(label) ? label.slice(0, -1) + label.slice(-1).toUpperCase() : label;
}

/** Weights that a label stands for, NaN for words and products. */
function sizeOf(label: string): number {
  const digits = label.slice(0, -1);
  return /^\d+(\.\d+)?$/.test(digits) ? Number(digits) * 1000 ** " KMBT".indexOf(label.slice(-1)) : NaN;
}

function isFarFrom(size: number, weights: number): boolean {
  return Math.abs(size - weights) > Math.floor((7 * weights) / 8);
}

/** True for `26B-A4B`, of which only the active weights are here. */
function isFollowedByActive(next: string | undefined, weights: number): boolean {
  if (next === undefined || !ACTIVE_SIZE.test(next)) return false;
  return !isFarFrom(sizeOf(normalLabel(next).slice(1)), weights);
}

/** Words for sizes do not count beside numbers. */
function preferNumbers(parts: readonly NamePart[]): void {
  const sizes = parts.filter(({ kinds }) => kinds.has("size"));
  if (!sizes.some(({ text }) => /\d/.test(text))) return;
  for (const { text, kinds } of sizes) if (/^\p{L}+$/u.test(text)) kinds.delete("size");
}

/** The base name is what stands in front; a version at its end is none of it. What is left over is a purpose. */
function nameBase(parts: readonly NamePart[]): void {
  let isAtStart = true;
  for (const { text, kinds } of parts) {
    if (isAtStart && ((kinds.size === 0 && /^\p{L}/u.test(text)) || kinds.has("version"))) kinds.add("basename");
    else {
      isAtStart = false;
      if (kinds.size === 0) kinds.add("finetune");
    }
  }
  for (const { kinds } of parts.toReversed()) {
    if (!kinds.has("basename") || kinds.size === 1) break;
    kinds.delete("basename");
  }
}

/** An id as people write a title: hyphens as spaces, words in small letters with a capital. */
export function titleOf(id: string): string {
  const words = id.trim().replaceAll("-", " ").split(/\s+/);
  const isNumber = (word: string) => /^(v\d+(\.\d+)*|\d.*)$/.test(word);
  const isLower = (word: string) => word === word.toLowerCase() && word !== word.toUpperCase();
  const titled = (word: string) => word.replace(/\p{L}+/gu, (run) => run.slice(0, 1).toUpperCase() + run.slice(1));
  return words.map((word) => (isLower(word) && !isNumber(word) ? titled(word) : word)).join(" ");
}
