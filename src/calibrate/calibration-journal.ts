/**
 * The journal of a calibration, as the main thread sees it: begun before the first layer, gone on from after an
 * interruption, removed when the output has its name. What lies in it: rounding/journal-files.ts.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { QuantizeError } from "../errors.ts";
import type { PreparedModel } from "../evaluate/prepare-model.ts";
import type { Estimate } from "../evaluate/statistics.ts";
import { stepCount, tensorsOfStep } from "../rounding/journal.ts";
import {
  appendLine,
  codeRuns,
  codesPath,
  copyRuns,
  linesPath,
  parseLines,
  statesPath,
  tokensPath,
} from "../rounding/journal-files.ts";
import type { JournalPlace, StepRecord } from "../rounding/journal.types.ts";
import { formatHash, xxh64 } from "../verify/xxh64.ts";
import { writeAll } from "../write/write-all.ts";
import type { JournalLine } from "./journal-schema.ts";

/** Facts that must be the same to go on, by what people call them. */
export type JournalIdentity = Readonly<Record<string, string>>;

export interface Journal {
  readonly folder: string;
  /** True when there is a first line. */
  readonly isBegun: boolean;
  /** Tokens of the model's own text, where they are known already. */
  readonly tokens?: Int32Array;
  /** Likewise, what plain rounding loses. */
  readonly plainDivergence?: Estimate;
  readonly steps: readonly StepRecord[];
}

/** More lines than any model makes: 126 layers of 512 experts with levels of three matrices each take 300 MB. */
const MOST_LINE_BYTES = 2 ** 29 - 2 ** 20;

/** Where the journal of an output is. */
export const journalFolder = (output: string): string => `${output}.calibrating`;

/** How to go on, or to begin again: for messages. */
const WAYS_ON = "--resume goes on with it, --force begins again";

/** Refuses to begin where an unfinished calibration lies, unless told what to do with it. */
export function checkJournal(output: string, { resume = false, force = false }: JournalChoices): void {
  const folder = journalFolder(output);
  if (resume || force || !existsSync(folder)) return;
  throw new QuantizeError("output-exists", `${folder}: a calibration that was not finished; ${WAYS_ON}`);
}

export interface JournalChoices {
  /** Go on with an unfinished calibration where there is one. */
  readonly resume?: boolean;
  /** Throw it away. */
  readonly force?: boolean;
}

/**
 * Opens the journal of an output: the one that is there, or a new one.
 * @throws QuantizeError `incompatible` naming what has changed, `bad-data` for a damaged one, `io`
 */
export async function openJournal(
  output: string,
  identity: JournalIdentity,
  { resume = false }: JournalChoices,
): Promise<Journal> {
  const folder = journalFolder(output);
  const lines = resume && existsSync(linesPath(folder)) ? await readLines(linesPath(folder)) : [];
  const [first, ...rest] = lines;
  if (first === undefined) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    return { folder, isBegun: false, steps: [] };
  }
  if (first.kind !== "begin") throw damaged(folder, "its first line does not say what is calibrated");
  for (const [what, value] of Object.entries(identity)) {
    const found = first.identity[what];
    if (found === value) continue;
    throw new QuantizeError(
      "incompatible",
      `${folder}: begun with another ${what}: expected ${value}, found ${found ?? "none"}; --force without --resume begins again`,
    );
  }
  const plain = rest.find((line) => line.kind === "plain");
  const tokens = first.tokenHash === undefined ? undefined : readTokens(folder, first.tokenHash);
  return {
    folder,
    isBegun: true,
    ...(tokens && { tokens }),
    ...(plain && { plainDivergence: { value: plain.value, error: plain.error } }),
    steps: rest.filter((line) => line.kind === "step"),
  };
}

async function readLines(path: string): Promise<JournalLine[]> {
  const { size } = statSync(path);
  if (size > MOST_LINE_BYTES) throw damaged(path, `expected at most ${MOST_LINE_BYTES} bytes, found ${size}`);
  const { journalLineSchema } = await import("./journal-schema.ts");
  return parseLines(readFileSync(path, "utf8"), path).map((value, i) => {
    const result = journalLineSchema.safeParse(value);
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    throw damaged(path, `line ${i + 1}, ${issue.path.join(".")}: ${issue.message}`);
  });
}

function damaged(path: string, what: string): QuantizeError {
  return new QuantizeError("bad-data", `${path}: ${what}; --force without --resume begins again`);
}

function readTokens(folder: string, hash: string): Int32Array {
  const bytes = new Uint8Array(readFileSync(tokensPath(folder)));
  if (bytes.length % 4 !== 0 || formatHash(xxh64(bytes)) !== hash) {
    throw damaged(tokensPath(folder), "the tokens are not those that were written");
  }
  return new Int32Array(bytes.buffer, 0, bytes.length / 4);
}

/** The first line. @param tokens of text that the model wrote, which takes long to write again */
export function beginJournal({ folder }: Journal, identity: JournalIdentity, tokens: Int32Array | undefined): void {
  const bytes = tokens && new Uint8Array(Int32Array.from(tokens).buffer);
  if (bytes !== undefined) writeSynced(tokensPath(folder), bytes);
  const tokenHash = bytes && formatHash(xxh64(bytes));
  appendLine(folder, { kind: "begin", identity, ...(tokenHash && { tokenHash }) } satisfies JournalLine);
}

/** What plain rounding loses. */
export function recordPlain({ folder }: Journal, { value, error }: Estimate): void {
  appendLine(folder, { kind: "plain", value, error } satisfies JournalLine);
}

function writeSynced(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, "w");
  try {
    writeAll(fd, bytes, 0);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts what finished steps found where it was: codes into the result's files, levels and numbers into memory.
 * @param result its files are there, with plain codes
 * @param stats receives the numbers of the tensors
 * @param needsStates false where sums are known and nothing passes through the model
 * @returns what members need to go on
 * @throws QuantizeError `bad-data` for a journal that is damaged or belongs to another model
 */
export function restoreSteps(
  { folder, steps }: Journal,
  result: PreparedModel,
  stats: ReadonlyMap<string, Float64Array>,
  needsStates: boolean,
): Pick<JournalPlace, "folder" | "doneSteps" | "codeBytes" | "stateHash"> {
  const path = codesPath(folder);
  const fds = result.model.files.map((file) => openSync(file.path, "r+"));
  const codes = { fd: openSync(path, "a+"), path };
  let codeBytes = 0;
  try {
    for (const [index, { step, tensors: records, codeHash, codeBytes: end }] of steps.entries()) {
      const tensors = tensorsOfStep(result, step, stats);
      const isAsExpected = step === index && tensors.length === records.length;
      if (!isAsExpected) throw damaged(linesPath(folder), `step ${index + 1} is not one of this model's`);
      for (const [n, tensor] of tensors.entries()) {
        const { name, stats: numbers, levels } = records[n]!;
        const own = stats.get(tensor.name)!;
        const books = tensor.codebooks ?? [];
        if (name !== tensor.name || numbers.length !== own.length || (levels ?? []).length !== books.length) {
          throw damaged(linesPath(folder), `step ${index + 1}, ${tensor.name}: not as the model has it`);
        }
        own.set(numbers);
        for (const [slice, book] of books.entries()) restoreLevels(book.levels, levels![slice]!, folder, name);
      }
      const runs = codeRuns(tensors, result.model.files, fds, codes, codeBytes);
      const found = copyRuns(runs.map(({ tensor, codes: from, byteLength }) => ({ from, to: tensor, byteLength })));
      const copied = runs.reduce((sum, { byteLength }) => sum + byteLength, codeBytes);
      if (found !== codeHash || copied !== end) throw damaged(path, `the codes of step ${index + 1} are not its own`);
      codeBytes = end;
    }
  } finally {
    for (const fd of [...fds, codes.fd]) closeSync(fd);
  }
  const stateHash = steps.at(-1)?.stateHash;
  const isUnderWay = steps.length > 0 && steps.length < stepCount(result, stats);
  if (needsStates && isUnderWay && stateHash === undefined) {
    throw damaged(linesPath(folder), `step ${steps.length} does not say what states it left`);
  }
  return { folder, doneSteps: steps.length, codeBytes, ...(stateHash && { stateHash }) };
}

function restoreLevels(levels: Float32Array, text: string, folder: string, name: string): void {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  if (bytes.length !== levels.byteLength) throw damaged(linesPath(folder), `${name}: not as many levels as it has`);
  levels.set(new Float32Array(bytes.buffer));
}

/**
 * Gives the files of states their size, so that a full disk is known before the work.
 * @param stateBytes of all windows of all passes; 0 where no states are needed to go on
 */
export function prepareJournal(
  { folder }: Journal,
  model: PreparedModel,
  calibrated: ReadonlySet<string>,
  stateBytes: number,
): void {
  const steps = stepCount(model, calibrated);
  for (const step of [0, 1].slice(0, stateBytes === 0 ? 0 : steps)) {
    const fd = openSync(statesPath(folder, step), "a");
    ftruncateSync(fd, stateBytes);
    closeSync(fd);
  }
}

export function removeJournal(output: string): void {
  rmSync(journalFolder(output), { recursive: true, force: true });
}
