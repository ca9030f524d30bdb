/** Options that several commands share, and the parsers of their values. */
import { InvalidArgumentError, Option } from "commander";
import { EFFORTS } from "../codecs/codec.ts";
import { BACKENDS } from "../src/engine/worker/backend.ts";

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
};

/** `1GiB`, `800M` (binary, as most tools read it), `2GB` (decimal), `1048576`. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = SIZE_UNITS[(unit ?? "?").toLowerCase()];
  if (digits === undefined || factor === undefined) {
    throw new InvalidArgumentError("expected a size such as 1GiB, 512MiB, 800M or a number of bytes.");
  }
  const bytes = Math.floor(Number(digits) * factor);
  if (bytes < 1 || !Number.isSafeInteger(bytes)) throw new InvalidArgumentError("expected at least one byte.");
  return bytes;
}

/** An integer from `min` on. */
export function parseInteger(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`expected a whole number ${range}.`);
  };
}

/** A finite number within bounds. */
export function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (value >= min && value <= max) return value;
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`expected a number ${range}.`);
  };
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

export const jsonOption = (): Option => new Option("--json", "print the result as JSON on stdout");
export const noColorOption = (): Option => new Option("--no-color", "no colours (NO_COLOR does the same)");
export const quietOption = (): Option => new Option("-q, --quiet", "no progress and no table, errors only");
export const forceOption = (): Option => new Option("-f, --force", "replace an existing output");
export const threadsOption = (): Option =>
  new Option("--threads <n>", "worker threads (default: all cores)").argParser(parseInteger(1, 1024));
export const maxMemoryOption = (): Option =>
  new Option("--max-memory <size>", "bound of resident memory, such as 512MiB (default: 1GiB)").argParser(parseSize);
export const backendOption = (): Option =>
  new Option("--backend <name>", "implementation of the hot loops, same bytes (default: wasm)").choices(BACKENDS);
export const maxNmseOption = (): Option =>
  new Option("--max-nmse <x>", "exit 3 when a quantized tensor's relative squared error is above x").argParser(
    parseNumber(0, Infinity),
  );
export const minCosineOption = (): Option =>
  new Option("--min-cosine <x>", "exit 3 when a quantized tensor's cosine to the original is below x").argParser(
    parseNumber(-1, 1),
  );
export const effortOption = (): Option =>
  new Option("--effort <level>", "how long codebooks and calibrated codes are searched (default: normal)").choices(
    EFFORTS,
  );
