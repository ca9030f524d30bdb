/**
 * What a model is calibrated on: windows of a text, or of text that it writes itself; and windows that are held back, on
 * which the result is judged.
 */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import type { CalibrationMethod } from "./calibration-method.ts";
import { sampleWindows } from "../evaluate/own-text.ts";
import type { PreparedModel } from "../evaluate/prepare-model.ts";
import { readTextFile } from "../evaluate/read-text.ts";
import { checkContext, cutWindows, makeWindows, type Windows } from "../evaluate/windows.ts";
import { OWN_TEXT, type CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import { makeTokenizer } from "../tokenizer/make-tokenizer.ts";

/** Where the windows come from, for manifests: enough to have them again. */
export interface CalibrationSource {
  readonly text: string;
  /** SHA-256 of the text file. */
  readonly textHash?: string;
  readonly seed?: number;
  readonly context: number;
  readonly tokens: number;
}

export interface CalibrationText {
  readonly source: CalibrationSource;
  readonly windows: Windows;
  /** Not used for calibration. */
  readonly heldBack: Windows;
}

const DEFAULT_CONTEXT = 128;
const DEFAULT_SEED = 1;
/** Tokens that are held back: of a text at most a fifth. */
const HELD_BACK_TOKENS = 2048;
const MOST_HELD_BACK = 0.2;

/** How many windows a calibration takes and holds back, when there is text enough. */
export function calibrationSize(
  { hyper }: Pick<PreparedModel, "hyper">,
  choices: CalibrationChoices,
  { tokensPerColumn, leastTokens }: CalibrationMethod,
) {
  const { context = DEFAULT_CONTEXT, tokens = Math.max(leastTokens, tokensPerColumn * hyper.width) } = choices;
  checkContext(context);
  return {
    context,
    count: Math.max(1, Math.ceil(tokens / context)),
    heldBack: Math.max(2, Math.ceil(HELD_BACK_TOKENS / context)),
  };
}

/** Text of a file, cut and tokenized; undefined for a model's own text, which must be written first. */
export function readCalibrationText(
  model: PreparedModel,
  choices: CalibrationChoices,
  method: CalibrationMethod,
): CalibrationText | undefined {
  const { text: path = OWN_TEXT } = choices;
  if (path === OWN_TEXT) return undefined;
  const { context, count, heldBack } = calibrationSize(model, choices, method);
  const { metadata, path: where } = model.model;
  const tokenizer = makeTokenizer(metadata, where);
  const { text, sha256 } = readTextFile(path);
  if (choices.textHash !== undefined && choices.textHash !== sha256) {
    throw new QuantizeError("bad-data", `${path}: expected the text of SHA-256 ${choices.textHash}, found ${sha256}`);
  }
  const ids = tokenizer.encode(text, { addSpecial: true, parseSpecial: false });
  const bos = tokenizer.addsBos ? tokenizer.bos : undefined;
  const all = cutWindows(ids, { context, bos, where: path });
  const held = Math.max(1, Math.min(heldBack, Math.floor(all.count * MOST_HELD_BACK)));
  const used = Math.min(count, all.count - held);
  return divide(all, used, held, { text: path, textHash: sha256, context, tokens: used * context });
}

/**
 * Text of the model's own.
 * @throws QuantizeError `unsupported` for a model without a vocabulary, `no-room`, `bad-data`
 */
export async function writeCalibrationText(
  model: PreparedModel,
  choices: CalibrationChoices,
  method: CalibrationMethod,
  options: RunOptions,
  engine: Engine,
): Promise<CalibrationText> {
  const { context, count, heldBack } = calibrationSize(model, choices, method);
  const { seed = DEFAULT_SEED } = choices;
  const tokenizer = makeTokenizer(model.model.metadata, model.model.path);
  const wanted = { context, count: count + heldBack, seed, arithmetic: "float" as const };
  const all = await sampleWindows(model, tokenizer, wanted, options, engine);
  return divide(all, count, heldBack, { text: OWN_TEXT, seed, context, tokens: count * context });
}

/** The first windows are used, the last held back. */
function divide(
  { context, count, tokens, targets }: Windows,
  used: number,
  held: number,
  source: CalibrationSource,
): CalibrationText {
  if (used < 1)
    throw new QuantizeError("usage", `${source.text}: too short to calibrate on and to hold something back`);
  const part = (from: number, to: number): Windows => {
    const windows = makeWindows(targets.subarray(from * context, to * context), context, undefined);
    windows.tokens.set(tokens.subarray(from * context, to * context));
    return windows;
  };
  return { source, windows: part(0, used), heldBack: part(count - held, count) };
}
