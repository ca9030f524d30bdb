/** Errors across the thread border: name, code, message, stack and causes arrive as they were thrown. */
import { QuantizeError, type ErrorCode } from "../../errors.ts";
import { isSystemError, systemReason } from "../../read/input-file.ts";
import type { Failure } from "./tasks.types.ts";

export function describeFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: "" };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    ...(typeof code === "string" ? { code } : {}),
    message: error.message,
    stack: error.stack ?? "",
    ...(error.cause === undefined ? {} : { cause: describeFailure(error.cause) }),
  };
}

export function restoreFailure(failure: Failure): Error {
  const cause = failure.cause === undefined ? undefined : { cause: restoreFailure(failure.cause) };
  const error =
    failure.name === "QuantizeError"
      ? new QuantizeError(failure.code as ErrorCode, failure.message, cause)
      : new Error(failure.message, cause);
  if (!(error instanceof QuantizeError)) {
    error.name = failure.name;
    if (failure.code !== undefined) Object.assign(error, { code: failure.code });
  }
  error.stack = failure.stack;
  return error;
}

/**
 * Says where it happened. Failures that are nobody's fault but the data's or the disk's keep their code; anything else
 * is a defect, and stays one.
 */
export function locateFailure(error: unknown, where: string): Error {
  if (error instanceof QuantizeError) {
    return new QuantizeError(error.code, `${where}: ${error.message}`, { cause: error });
  }
  if (isSystemError(error)) return new QuantizeError("io", `${where}: ${systemReason(error)}`, { cause: error });
  return new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
