/** Opening files that came from elsewhere: they must be there, be files, and be closed again. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { cursorOver, readBytes, type Cursor } from "./byte-cursor.ts";

/**
 * Opens a file, hands a cursor at its start to `read`, and closes it.
 * @throws QuantizeError `io` when the path cannot be opened or is no regular file
 */
export function withCursor<T>(path: string, read: (cursor: Cursor) => T): T {
  const fd = openInput(path);
  try {
    return read(cursorOver(path, fd, inputByteLength(path, fd)));
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

/** Opens a file for reading. The caller closes it. */
export function openInput(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw ioError(path, "cannot be opened", cause);
  }
}

function inputByteLength(path: string, fd: number): number {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new QuantizeError("io", `${path}: expected a file, found a directory or a device`);
  return stat.size;
}

/** An `io` error with the system's reason in people's words. */
export function ioError(path: string, what: string, cause: unknown): QuantizeError {
  const code = isSystemError(cause) ? cause.code : undefined;
  const reason = (code !== undefined && REASONS[code]) || code || String(cause);
  return new QuantizeError("io", `${path}: ${what}: ${reason}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the disk",
  EMFILE: "too many open files",
  ELOOP: "too many symbolic links",
};

/** True for what the operating system refused; Node's complaints about arguments have codes too, but no system call. */
export function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
}
