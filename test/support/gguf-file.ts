import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { ggufHeaderBytes } from "#dist/src/write/gguf-header.js";
import { placeInDataSection } from "#dist/src/read/gguf/gguf-types.js";
import type { Metadata } from "#dist/src/read/model.js";

/** A folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quantize-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface FileTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly ggmlType: number;
  readonly bytes: Uint8Array;
}

/** A whole GGUF file as bytes. */
export function ggufFile(metadata: Metadata, tensors: readonly FileTensor[], alignment = 32): Uint8Array {
  const lengths = tensors.map(({ bytes }) => bytes.length);
  const { offsets, byteLength } = placeInDataSection(lengths, alignment);
  const list = tensors.map((tensor, i) => ({ ...tensor, byteOffset: offsets[i]! }));
  const header = ggufHeaderBytes({ metadata, tensors: list, alignment });
  const file = new Uint8Array(header.length + byteLength);
  file.set(header);
  for (const { bytes, byteOffset } of list) file.set(bytes, header.length + byteOffset);
  return file;
}

/** Writes bytes into a folder that goes when the test ends, and returns the path. */
export function writeTemporary(name: string, bytes: Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}
