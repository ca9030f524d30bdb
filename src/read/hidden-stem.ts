/** What the names of hidden files begin with that lie beside another one and belong to it. */
import { createHash } from "node:crypto";
import { basename } from "node:path";

/**
 * Longest name that is made of a short one. A hidden name is never longer than this or than the other's own: file systems
 * allow 255 bytes, encrypted ones 143.
 */
const MAX_NAME_BYTES = 96;

/** Room behind the stem: host, process (7 digits on Linux), random number, what it is. */
const TAIL_BYTES = ".0000-0000000-0000.journal".length;

/** The first digits of a hash. */
export function hexDigits(text: string, count: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, count);
}

/** `.name`, cut and told apart by a hash where that is long. */
export function stemOf(path: string): string {
  const name = basename(path);
  const most = Math.max(MAX_NAME_BYTES, Buffer.byteLength(name)) - TAIL_BYTES - 1;
  if (Buffer.byteLength(name) <= most) return `.${name}`;
  const mark = `~${hexDigits(name, 8)}`;
  const bytes = Buffer.from(name).subarray(0, most - mark.length);
  // A character that was cut is left out.
  return `.${new TextDecoder().decode(bytes).replace(/\uFFFD+$/, "")}${mark}`;
}
