/**
 * Names of files in the making: hidden, beside the target, and saying who makes them, so that a later run can tell
 * whether anybody still does.
 *
 *   .model-q4.gguf.3f2a-1234-9c0d.partial      name of the target, host, process, a random number, what it is
 */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { hexDigits, stemOf } from "../read/hidden-stem.ts";

/** What lies beside a target: the file in the making, the journal of what is in it, the old file while it is replaced. */
export const TEMPORARY_KINDS = ["partial", "journal", "old"] as const;
export type TemporaryKind = (typeof TEMPORARY_KINDS)[number];

/** This machine, as far as process numbers mean the same: containers of one host have numbers of their own. */
function thisHost(): string {
  let numbers = "";
  try {
    numbers = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux.
  }
  return hexDigits(`${hostname()} ${numbers}`, 4);
}

/** Four random digits. */
export function makeMark(): string {
  return Math.floor(Math.random() * 2 ** 16)
    .toString(16)
    .padStart(4, "0");
}

/** A name that no other run makes. */
export function temporaryName(target: string, kind: TemporaryKind, mark = makeMark()): string {
  return `${stemOf(target)}.${thisHost()}-${process.pid}-${mark}.${kind}`;
}

/** The random digits in a temporary name. */
export function markOf(path: string): string {
  return /-([0-9a-f]{4})\.[a-z]+$/.exec(path)?.[1] ?? "";
}

/** Who made a temporary file. */
export interface Maker {
  readonly kind: TemporaryKind;
  readonly pid: number;
  /** `unknown` for processes of other machines and containers. */
  readonly state: "alive" | "dead" | "unknown";
}

const TAIL = new RegExp(`^\\.([0-9a-f]{4})-(\\d{1,10})-[0-9a-f]{4}\\.(${TEMPORARY_KINDS.join("|")})$`);

/** What a name says of its maker; undefined for names that `temporaryName` does not make of this target. */
export function makerOf(name: string, target: string): Maker | undefined {
  const stem = stemOf(target);
  const [, host, pid, kind] = (name.startsWith(stem) && TAIL.exec(name.slice(stem.length))) || [];
  if (host === undefined) return undefined;
  const state = host !== thisHost() ? "unknown" : isAlive(Number(pid)) ? "alive" : "dead";
  return { kind: kind as TemporaryKind, pid: Number(pid), state };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, but alive.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
