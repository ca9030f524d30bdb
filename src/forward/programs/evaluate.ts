/**
 * Evaluation: windows of a text through one model, or through an original and a model under test side by side; of each
 * scored token its probability and, with an original, how far the distributions are apart.
 */
import { openSync, readSync } from "node:fs";
import { QuantizeError } from "../../errors.ts";
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import { headMemoryBytes as headBytes } from "../numerics/wasm-numerics.ts";
import { codedHead, codedRowLength, codeRow, summarize, topOfCoded } from "../numerics/logits.ts";
import { exponential } from "../numerics/elementary.ts";
import { makePass } from "../pass.ts";
import type { Pass, Sequence } from "../pass.types.ts";
import { openStream, type StreamPlace } from "../streams.ts";
import type { Team } from "../team.ts";
import { writeAll } from "../../write/write-all.ts";
import type { ProgramReport } from "./program.types.ts";

/** Numbers kept of each scored token. */
export const TOKEN_STATS = 6;
/** Their places: -ln p of the model under test and of the original, divergence, p - p of the original, same top token. */
export const [NLL, NLL_BASE, DIVERGENCE, DELTA_P, SAME_TOP, TOP] = [0, 1, 2, 3, 4, 5] as const;

/** Sums kept of each layer: squared difference, squares of both, products. */
export const LAYER_SUMS = 4;

export interface EvaluateSetup {
  /** The original, where there is one to run, then the model under test. */
  readonly models: readonly (ProgramModel & { readonly stream: StreamPlace })[];
  readonly context: number;
  /** Tokens of whole windows, as they go into the models. */
  readonly tokens: Int32Array;
  /** What is scored: tokens as they stand in the text. */
  readonly targets: Int32Array;
  /** Windows that are taken through a layer at a time. */
  readonly groupWindows: number;
  /** Scored positions whose logits are held at a time. */
  readonly logitRows: number;
  readonly logits: Float32Array;
  /** Coded rows of the original, `logitRows` of them; absent when there is no original. */
  readonly coded?: Uint16Array;
  /** A file of coded rows, from that byte on: read in place of an original, or written. */
  readonly codedFile?: { readonly path: string; readonly byteOffset: number; readonly mode: "read" | "write" };
  /** Receives `TOKEN_STATS` numbers for each scored token. */
  readonly stats: Float64Array;
  /** Receives `LAYER_SUMS` for the embedding and each layer, when two models run. */
  readonly layerSums: Float64Array;
  /** Room for the sums of each row of a group. */
  readonly rowSums: Float64Array;
}

/** Scored positions of a window: those whose next token lies in its second half. */
export function scoredPositions(context: number): { readonly first: number; readonly count: number } {
  const first = Math.floor(context / 2);
  return { first, count: context - 1 - first };
}

export function evaluate(
  setup: EvaluateSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { models, context, tokens, groupWindows } = setup;
  const windows = tokens.length / context;
  const numerics = makeNumerics(module, numericsLimits(models, context, headMemories(models, context)));
  const passes = models.map((model) => {
    const { hyper, weights, buffers, stream } = model;
    const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
    const headMemory = () => {
      memory.clear();
      return memory;
    };
    const bench = workbench(team, numerics, model);
    const pass = makePass({ bench, hyper, weights, buffers, headMemory });
    return { model, pass, stream: openStream(team, stream, buffers.state, hyper.width) };
  });
  const layers = Math.max(...models.map(({ hyper }) => hyper.layers));

  const groups = Array.from({ length: Math.ceil(windows / groupWindows) }, (_, group) => {
    const first = group * groupWindows;
    return { first, count: Math.min(groupWindows, windows - first) };
  });
  const sequencesOf = (count: number): Sequence[] =>
    Array.from({ length: count }, (_, window) => ({ row: window * context, count: context, position: 0 }));

  for (let step = 0; step <= layers; step++) {
    for (const { first, count } of groups) {
      const [row, rows] = [first * context, count * context];
      for (const { pass, stream } of passes) {
        if (step === 0) pass.embed(tokens.subarray(row, row + rows));
        else {
          stream.load(row, rows);
          pass.layer(step - 1, sequencesOf(count));
        }
        stream.save(row, rows);
      }
      if (passes.length === 2) compareStates(setup, team, step, rows);
    }
    if (team.rank === 0) report({ done: step + 1, of: layers + 2 });
  }
  score(setup, team, numerics, passes, groups);
  if (team.rank === 0) report({ done: layers + 2, of: layers + 2 });
}

type Passes = readonly {
  readonly model: ProgramModel;
  readonly pass: Pass;
  readonly stream: ReturnType<typeof openStream>;
}[];

/** Bytes of the head memories that a member makes. */
function headMemories(models: EvaluateSetup["models"], context: number): number {
  return models.reduce((sum, { hyper }) => sum + headBytes(context, hyper.keyLength, hyper.valueLength), 0);
}

/** Adds up how far the states of both models are apart, row after row. */
function compareStates(setup: EvaluateSetup, team: Team, step: number, rows: number): void {
  const [base, tested] = setup.models as unknown as readonly [ProgramModel, ProgramModel];
  const { width } = base.hyper;
  const [a, b] = [base.buffers.state, tested.buffers.state];
  const { rowSums, layerSums } = setup;
  const rowsPerPart = 64;
  team.each(Math.ceil(rows / rowsPerPart), (part) => {
    for (let row = part * rowsPerPart; row < Math.min(rows, (part + 1) * rowsPerPart); row++) {
      const sums = [0, 0, 0, 0];
      for (let i = row * width; i < (row + 1) * width; i++) {
        const difference = a[i]! - b[i]!;
        sums[0]! += difference * difference;
        sums[1]! += a[i]! * a[i]!;
        sums[2]! += b[i]! * b[i]!;
        sums[3]! += a[i]! * b[i]!;
      }
      rowSums.set(sums, row * LAYER_SUMS);
    }
  });
  team.once(() => {
    for (let i = 0; i < rows * LAYER_SUMS; i++) layerSums[step * LAYER_SUMS + (i % LAYER_SUMS)]! += rowSums[i]!;
  });
}

/** Logits of all scored positions, and what they say. */
function score(
  setup: EvaluateSetup,
  team: Team,
  numerics: ReturnType<typeof makeNumerics>,
  passes: Passes,
  groups: readonly { first: number; count: number }[],
): void {
  const { context, logitRows, logits, coded, codedFile, targets, stats } = setup;
  const { first: firstScored, count: scoredEach } = scoredPositions(context);
  const tested = passes.at(-1)!;
  const { vocabulary } = tested.model.weights;
  const length = codedRowLength(vocabulary);
  const fd = codedFile === undefined ? -1 : openSync(codedFile.path, codedFile.mode === "read" ? "r" : "r+");
  const codedAt = (index: number): number => codedFile!.byteOffset + index * length * 2;

  for (const group of groups) {
    const scored = Uint32Array.from({ length: group.count * scoredEach }, (_, i) => {
      return Math.floor(i / scoredEach) * context + firstScored + (i % scoredEach);
    });
    for (const { stream } of passes) stream.load(group.first * context, group.count * context);
    for (let from = 0; from < scored.length; from += logitRows) {
      const rows = scored.subarray(from, from + logitRows);
      /** Number of a row among all scored ones. */
      const indexOf = (n: number): number => group.first * scoredEach + from + n;
      const each = (work: (n: number, row: Float32Array) => void): void =>
        team.each(rows.length, (n) => work(n, logits.subarray(n * vocabulary, (n + 1) * vocabulary)));
      const summaryOf = (n: number, row: Float32Array, path: string) => {
        const summary = summarize(row, numerics.sumExponentials);
        if (!Number.isFinite(summary.largest + summary.logSum)) {
          const place = `window ${group.first + Math.floor((from + n) / scoredEach)}, position ${rows[n]! % context}`;
          throw new QuantizeError("bad-data", `${path}: ${place}: the logits are not finite`);
        }
        return summary;
      };
      if (passes.length === 2) {
        const base = passes[0]!;
        base.pass.logits(rows, logits);
        each((n, row) =>
          codeRow(row, summaryOf(n, row, base.model.path), coded!.subarray(n * length, (n + 1) * length)),
        );
      } else if (codedFile?.mode === "read") {
        team.each(rows.length, (n) =>
          readCoded(fd, codedFile.path, codedAt(indexOf(n)), coded!.subarray(n * length, (n + 1) * length)),
        );
      }
      tested.pass.logits(rows, logits);
      each((n, row) => {
        const index = indexOf(n);
        const { largest, logSum, top, least } = summaryOf(n, row, tested.model.path);
        const target = targets[group.first * context + rows[n]! + 1]!;
        const out = stats.subarray(index * TOKEN_STATS, (index + 1) * TOKEN_STATS);
        out[NLL] = largest + logSum - row[target]!;
        out[TOP] = top;
        const own = coded?.subarray(n * length, (n + 1) * length);
        if (own !== undefined && (passes.length === 2 || codedFile?.mode === "read")) {
          const head = codedHead(own);
          const logBase = Math.fround(Math.fround(head.scale * own[4 + target]!) + head.least);
          out[NLL_BASE] = -logBase;
          out[DIVERGENCE] = numerics.divergence(own, row, largest + logSum);
          out[DELTA_P] = exponential(-out[NLL]!) - exponential(logBase);
          out[SAME_TOP] = topOfCoded(own, vocabulary) === top ? 1 : 0;
        }
        if (codedFile?.mode === "write") {
          const written = new Uint16Array(length);
          codeRow(row, { largest, logSum, top, least }, written);
          writeCoded(fd, codedAt(index), written);
        }
      });
    }
  }
}

function readCoded(fd: number, path: string, position: number, out: Uint16Array): void {
  const bytes = new Uint8Array(out.length * 2);
  for (let done = 0; done < bytes.length;) {
    const count = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0)
      throw new QuantizeError(
        "bad-format",
        `${path}: expected ${bytes.length} bytes at byte ${position}, found ${done}`,
      );
    done += count;
  }
  out.set(new Uint16Array(bytes.buffer));
}

function writeCoded(fd: number, position: number, row: Uint16Array): void {
  const bytes = new Uint8Array(row.buffer);
  writeAll(fd, bytes, position);
}
