/**
 * The errors people see. One class, a closed list of codes; the message says where, what was expected and what was
 * found. Anything else that is thrown is a defect of this program and shows its stack.
 */

/** Every way to fail that a caller may want to tell apart. */
export type ErrorCode =
  /** The command line or the options do not make sense: exit code 2. */
  | "usage"
  /** A scheme, layout, codec, tensor or recipe name that does not exist: exit code 2. */
  | "unknown-name"
  /** A file cannot be opened, read or written (missing, permission, disk full). */
  | "io"
  /** The input file breaks its format: bad magic, truncated, overlapping, duplicate names, ... */
  | "bad-format"
  /** The input is well-formed but holds what we do not support. */
  | "unsupported"
  /** Weights or importance values that cannot be quantized: NaN, infinities, wrong length. */
  | "bad-data"
  /** A tensor's shape does not suit the wanted codec or layout, and no fallback is allowed. */
  | "incompatible"
  /** The output exists, is the input, or cannot be replaced. */
  | "output-exists"
  /** The plan does not fit the memory bound or the disk. */
  | "no-room"
  /** A quality bound was missed: exit code 3. */
  | "budget"
  /** Bytes are not those that were written: exit code 3. */
  | "damaged";

/** A failure with a code, a message for people, and the cause where there is one. */
export class QuantizeError extends Error {
  override readonly name = "QuantizeError";
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The process's exit code for an error: 2 usage, 3 a missed budget or damage, 1 everything else. */
export function exitCode(error: unknown): 1 | 2 | 3 {
  if (!(error instanceof QuantizeError)) return 1;
  if (error.code === "usage" || error.code === "unknown-name") return 2;
  return error.code === "budget" || error.code === "damaged" ? 3 : 1;
}
