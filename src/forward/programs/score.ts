/**
 * Scoring: the logits of every scored position, what probability they give to the token that follows in the text and,
 * beside an original's, how far the distributions are apart.
 *
 * Definitions: llama-perplexity (tools/perplexity in llama.cpp).
 */
import { closeSync, openSync, readSync } from "node:fs";
import { QuantizeError } from "../../errors.ts";
import { writeAll } from "../../write/write-all.ts";
import type { ProgramModel } from "../member.ts";
import { exponential } from "../numerics/elementary.ts";
import {
  CODED_HEAD,
  codedHead,
  codedRowLength,
  codeRow,
  summarize,
  topOfCoded,
  type RowSummary,
} from "../numerics/logits.ts";
import type { Numerics } from "../numerics/numerics.ts";
import type { Pass } from "../pass.types.ts";
import type { Stream } from "../streams.ts";
import type { Team } from "../team.ts";

/** Numbers kept of each scored token. */
export const TOKEN_STATS = 5;
/** Their places: -ln p of the model under test and of the original, divergence, p - p of the original, same top token. */
export const [NLL, NLL_BASE, DIVERGENCE, DELTA_P, SAME_TOP] = [0, 1, 2, 3, 4] as const;

const { fround } = Math;

export interface ScoreSetup {
  readonly context: number;
  /** What is scored: tokens as they stand in the text. */
  readonly targets: Int32Array;
  /** Scored positions whose logits are held at a time. */
  readonly logitRows: number;
  readonly logits: Float32Array;
  /** Coded rows of the original, `logitRows` of them; absent when there is no original. */
  readonly coded?: Uint16Array;
  /** A file of coded rows, from that byte on: read in place of an original, or written. */
  readonly codedFile?: { readonly path: string; readonly byteOffset: number; readonly mode: "read" | "write" };
  /** Receives `TOKEN_STATS` numbers for each scored token. */
  readonly stats: Float64Array;
}

/** A model whose states have gone through all layers. */
export interface ScoredPass {
  readonly model: ProgramModel;
  readonly pass: Pass;
  readonly stream: Stream;
}

/** Scored positions of a window: those whose next token lies in its second half. */
export function scoredPositions(context: number): { readonly first: number; readonly count: number } {
  const first = Math.floor(context / 2);
  return { first, count: context - 1 - first };
}

/** Scored positions that are looked at together: rows of the states, and the number of the first among all scored. */
interface Batch {
  readonly rows: Uint32Array;
  readonly first: number;
}

/**
 * Logits of all scored positions, and what they say.
 * @param passes of the original, where there is one to run, and of the model under test, through all layers
 * @param groups of windows, as they fit into the buffers
 * @throws QuantizeError `bad-data` for logits that are not finite
 */
export function score(
  setup: ScoreSetup,
  team: Team,
  numerics: Numerics,
  passes: readonly ScoredPass[],
  groups: readonly { first: number; count: number }[],
  onScored: (rows: number) => void,
): void {
  const { context, logitRows, logits, coded, codedFile } = setup;
  const { first: firstScored, count: scoredEach } = scoredPositions(context);
  const [tested, base] = [passes.at(-1)!, passes.length === 2 ? passes[0]! : undefined];
  const { vocabulary } = tested.model.weights;
  const length = codedRowLength(vocabulary);
  const codedRow = (n: number): Uint16Array => coded!.subarray(n * length, (n + 1) * length);
  const file = codedFile && openCoded(codedFile, length);

  const computeLogits = ({ model, pass }: ScoredPass, { rows, first }: Batch, use: RowUse): void => {
    pass.logits(rows, logits);
    team.each(rows.length, (n) => {
      const row = logits.subarray(n * vocabulary, (n + 1) * vocabulary);
      const summary = summarize(row, numerics.sumExponentials);
      if (!Number.isFinite(summary.largest + summary.logSum)) {
        const place = `window ${Math.floor((first + n) / scoredEach)}, position ${rows[n]! % context}`;
        throw new QuantizeError("bad-data", `${model.path}: ${place}: the logits are not finite`);
      }
      use(n, row, summary);
    });
  };
  const scoreRow = (index: number, row: Float32Array, summary: RowSummary, original: Uint16Array | undefined): void => {
    const window = Math.floor(index / scoredEach);
    const target = setup.targets[window * context + firstScored + (index % scoredEach) + 1]!;
    const out = setup.stats.subarray(index * TOKEN_STATS, (index + 1) * TOKEN_STATS);
    out[NLL] = summary.largest + summary.logSum - row[target]!;
    if (original !== undefined) compareRow(numerics, row, summary, original, target, out);
  };

  for (const group of groups) {
    for (const { stream } of passes) stream.load(group.first * context, group.count * context);
    const scored = Uint32Array.from({ length: group.count * scoredEach }, (_, i) => {
      return Math.floor(i / scoredEach) * context + firstScored + (i % scoredEach);
    });
    for (let from = 0; from < scored.length; from += logitRows) {
      const batch: Batch = { rows: scored.subarray(from, from + logitRows), first: group.first * scoredEach + from };
      const { rows, first } = batch;
      if (base !== undefined) computeLogits(base, batch, (n, row, summary) => codeRow(row, summary, codedRow(n)));
      else if (file?.mode === "read") team.each(rows.length, (n) => file.read(first + n, codedRow(n)));
      computeLogits(tested, batch, (n, row, summary) => {
        scoreRow(first + n, row, summary, coded && codedRow(n));
        if (file?.mode !== "write") return;
        const written = new Uint16Array(length);
        codeRow(row, summary, written);
        file.write(first + n, written);
      });
      onScored(rows.length);
    }
  }
  file?.close();
}

type RowUse = (n: number, row: Float32Array, summary: RowSummary) => void;

/** What a row says beside the original's coded one. */
function compareRow(
  numerics: Numerics,
  row: Float32Array,
  { largest, logSum, top }: RowSummary,
  original: Uint16Array,
  target: number,
  out: Float64Array,
): void {
  const { scale, least } = codedHead(original);
  const logOriginal = fround(fround(scale * original[CODED_HEAD + target]!) + least);
  out[NLL_BASE] = -logOriginal;
  out[DIVERGENCE] = numerics.divergence(original, row, largest + logSum);
  out[DELTA_P] = exponential(-out[NLL]!) - exponential(logOriginal);
  out[SAME_TOP] = topOfCoded(original, row.length) === top ? 1 : 0;
}

/** Rows in a file of base logits, by number. */
function openCoded({ path, byteOffset, mode }: NonNullable<ScoreSetup["codedFile"]>, length: number) {
  const fd = openSync(path, mode === "read" ? "r" : "r+");
  const place = (index: number): number => byteOffset + index * length * 2;
  return {
    mode,
    read(index: number, out: Uint16Array): void {
      const bytes = new Uint8Array(length * 2);
      for (let done = 0; done < bytes.length;) {
        const count = readSync(fd, bytes, done, bytes.length - done, place(index) + done);
        if (count === 0) {
          const expected = `expected ${bytes.length} bytes at byte ${place(index)}`;
          throw new QuantizeError("bad-format", `${path}: ${expected}, found ${done}`);
        }
        done += count;
      }
      out.set(new Uint16Array(bytes.buffer));
      const { scale, least } = codedHead(out);
      if (scale >= 0 && scale < Infinity && Number.isFinite(least)) return;
      const expected = `row ${index} at byte ${place(index)}: expected a finite scale and logarithm`;
      throw new QuantizeError("bad-format", `${path}: ${expected}, found ${scale} and ${least}`);
    },
    write: (index: number, row: Uint16Array): void => writeAll(fd, new Uint8Array(row.buffer), place(index)),
    close: (): void => closeSync(fd),
  };
}
