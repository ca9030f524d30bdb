/** stdout: the result and nothing else, in text or JSON. */
import { colours } from "../src/text/colours.ts";
import type { TableOptions } from "../src/text/text-table.ts";

/** How tables are shown on stdout: as wide as the terminal, coloured unless `--no-color` was given. */
export function stdoutView({ color }: { readonly color: boolean }): TableOptions {
  return { width: outputWidth(), colours: colours(hasColours(process.stdout, color)) };
}

/** Writes text to stdout with a line break at its end. */
export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes one JSON document: 64-bit integers as decimal strings when a double cannot hold them, typed arrays as arrays. */
export function printJson(value: unknown): void {
  print(
    JSON.stringify(
      value,
      (_key, item: unknown) => {
        if (typeof item === "bigint") return Number.isSafeInteger(Number(item)) ? Number(item) : String(item);
        if (ArrayBuffer.isView(item) && !(item instanceof DataView)) return Array.from(item as Uint8Array);
        if (typeof item === "number" && !Number.isFinite(item)) return String(item);
        return item;
      },
      2,
    ),
  );
}

/** Width of the terminal behind stdout; undefined when there is none (a pipe, a file), where lines may be long. */
function outputWidth(): number | undefined {
  // Some pseudo-terminals say nothing of their size.
  if (process.stdout.isTTY) return Math.max(40, process.stdout.columns || 80);
  const columns = Number(process.env["COLUMNS"]);
  return Number.isInteger(columns) && columns > 0 ? Math.max(40, columns) : undefined;
}

/** Colours on a stream: on a terminal, unless NO_COLOR or --no-color says otherwise; FORCE_COLOR turns them on. */
export function hasColours(stream: NodeJS.WriteStream, isWanted = true): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const isForbidden = !isWanted || (NO_COLOR !== undefined && NO_COLOR !== "");
  const isForced = FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0";
  return !isForbidden && (isForced || (stream.isTTY && TERM !== "dumb"));
}
