/**
 * The one way to open a file that came from elsewhere: it must be there, be a file (a pipe would keep us waiting, a
 * device never ends), and it is noted, so that the run never writes to it.
 */
import { closeSync, constants as modes, fstatSync, openSync, readSync, statSync, type BigIntStats } from "node:fs";
import { constants } from "node:os";
import { QuantizeError } from "../errors.ts";
import { cursorOver, readBytes, type Cursor } from "./byte-cursor.ts";
import { noteInput } from "./file-log.ts";

/** By which a later look tells whether a file is still what was opened. */
export interface FileState {
  readonly ino: bigint;
  /** Times of the last change of content, and of content or attributes, in nanoseconds. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** A file that was opened. */
export interface InputFile {
  readonly path: string;
  readonly byteLength: number;
  /** Absent for files that nobody has opened yet. */
  readonly state?: FileState;
}

const stateOf = ({ ino, mtimeNs, ctimeNs }: BigIntStats): FileState => ({ ino, mtimeNs, ctimeNs });

/**
 * Opens a regular file for reading. The caller closes it.
 * @throws QuantizeError `io` when it is not there, may not be read, or is no file
 */
export function openInput(path: string): { readonly fd: number; readonly file: InputFile } {
  let fd: number | undefined;
  try {
    // Without blocking: a pipe that nobody writes to would never open. To files it means nothing; Windows lacks it.
    fd = openSync(path, modes.O_RDONLY | (modes.O_NONBLOCK ?? 0));
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new QuantizeError("io", `${path}: expected a file, found ${kindOf(stat)}`);
    noteInput(path, stat);
    return { fd, file: { path, byteLength: Number(stat.size), state: stateOf(stat) } };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw isSystemError(cause) ? ioError(path, "cannot be opened", cause) : cause;
  }
}

function kindOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return "a folder";
  return stat.isFIFO() ? "a pipe" : stat.isSocket() ? "a socket" : "a device";
}

/**
 * Opens a file, hands a cursor at its start to `read`, and closes it.
 * @throws QuantizeError `io` when the path cannot be opened or is no regular file
 */
export function withCursor<T>(path: string, read: (cursor: Cursor, file: InputFile) => T): T {
  const { fd, file } = openInput(path);
  try {
    return read(cursorOver(path, fd, file.byteLength), file);
  } catch (cause) {
    throw cause instanceof QuantizeError || !isSystemError(cause) ? cause : ioError(path, "cannot be read", cause);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a whole file into memory of its own.
 * @throws QuantizeError `bad-format` when it is longer than `maxBytes`, `io`
 */
export function readWholeFile(path: string, maxBytes: number): Uint8Array {
  return withCursor(path, (cursor) => {
    if (cursor.byteLength > maxBytes) {
      throw new QuantizeError("bad-format", `${path}: expected at most ${maxBytes} bytes, found ${cursor.byteLength}`);
    }
    return readBytes(cursor, cursor.byteLength).slice();
  });
}

/** Longest line of a text that is read line by line: a journal's longest holds the tables of one matrix, 64 KB. */
const MAX_LINE_BYTES = 2 ** 20;

/**
 * The lines of a text file, without reading it whole; what follows the last line break is none.
 * @throws QuantizeError `bad-format` for a line that is longer than any of ours, `io`
 */
export function* readLines(path: string): Generator<string> {
  const { fd, file } = openInput(path);
  try {
    const buffer = Buffer.alloc(MAX_LINE_BYTES);
    let filled = 0;
    for (let position = 0; position < file.byteLength;) {
      const count = readSync(fd, buffer, filled, buffer.length - filled, position);
      if (count === 0) return;
      position += count;
      filled += count;
      let start = 0;
      for (let end; (end = buffer.subarray(0, filled).indexOf(0x0a, start)) >= 0; start = end + 1) {
        yield buffer.toString("utf8", start, end);
      }
      buffer.copyWithin(0, start, filled);
      filled -= start;
      if (filled === buffer.length) {
        throw new QuantizeError("bad-format", `${path}: expected lines of at most ${MAX_LINE_BYTES} bytes`);
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** What became of a file since it was opened. `touched`: attributes or links changed, and content if someone set the clock back. */
export type FileChange = "none" | "touched" | "changed";

/**
 * Whether a file is still what was opened.
 * @param now as the path or an open descriptor has it
 */
export function changeOf(
  { path, byteLength, state }: InputFile,
  now: BigIntStats = statNow(path),
): { readonly change: FileChange; readonly what: string } {
  if (now.size !== BigInt(byteLength)) {
    return { change: "changed", what: `expected ${byteLength} bytes, found ${now.size}` };
  }
  if (state === undefined) return { change: "none", what: "" };
  if (now.ino !== state.ino) return { change: "changed", what: "another file has its name" };
  if (now.mtimeNs !== state.mtimeNs) return { change: "changed", what: "it was written to" };
  return { change: now.ctimeNs === state.ctimeNs ? "none" : "touched", what: "" };
}

function statNow(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (cause) {
    throw ioError(path, "cannot be looked at again", cause);
  }
}

/** The error for a file that is no longer what was opened. */
export function changedError(path: string, what: string): QuantizeError {
  return new QuantizeError("io", `${path}: changed in the meantime: ${what}`);
}

/** An `io` error with the system's reason in people's words. */
export function ioError(path: string, what: string, cause: unknown): QuantizeError {
  return new QuantizeError("io", `${path}: ${what}: ${systemReason(cause)}`, { cause });
}

/** The system's reason in people's words. */
export function systemReason(cause: unknown): string {
  if (!isSystemError(cause)) return String(cause);
  const code = cause.code === "UNKNOWN" ? nameOf(cause.errno) : cause.code;
  return REASONS[code] ?? code;
}

/** The name of an error that Node has none for, as of a quota that is used up. */
function nameOf(errno = 0): string {
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? `error ${-errno}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENAMETOOLONG: "the name is too long",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the quota of the disk is used up",
  EFBIG: "larger than the file system or the user's limit allows",
  EIO: "the disk reports an error",
  EMFILE: "too many open files",
  ELOOP: "too many symbolic links",
  ENXIO: "no file, but a socket or a device without a driver",
};

/** True for what the operating system refused; Node's complaints about arguments have codes too, but no system call. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
