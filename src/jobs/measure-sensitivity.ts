/** Measures what quantizing each tensor alone costs the model, and mixes types for a size from that. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bitsPerWeight } from "../../codecs/codec.ts";
import type { Effort } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { CALIBRATION_METHODS } from "../calibrate/calibration-method.ts";
import { readCalibrationText, writeCalibrationText } from "../calibrate/calibration-text.ts";
import { measureErrors, type TypeError } from "../calibrate/measure-errors.ts";
import { runSensitivity } from "../calibrate/run-sensitivity.ts";
import { SENSITIVITY_VERSION, type Sensitivity } from "../calibrate/sensitivity.types.ts";
import { announce, type RunOptions } from "../engine/run-options.ts";
import { withEngine, type Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { matricesOf } from "../forward/weights.ts";
import { openModel } from "../open/open-model.ts";
import type { Imatrix } from "../imatrix/imatrix.types.ts";
import { DEFAULT_CANDIDATES } from "../plan/mix-types.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import { planConversion } from "../plan/plan-conversion.ts";
import type { CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import { findType } from "../plan/recipes/schemes.ts";
import type { Model } from "../read/model.ts";
import { runConversion } from "./run-conversion.ts";

/** Tokens that each tensor is measured on when nobody says: each costs a pass through the layers behind it. */
const DEFAULT_TOKENS = 3072;

/** The type that is measured: coarse enough to be told from noise, of those near this size. */
const REFERENCE_BITS = 3.5;

export interface SensitivityChoices extends CalibrationChoices {
  /** Types by name, at least one; default `DEFAULT_CANDIDATES`. */
  readonly candidates?: readonly string[];
  readonly effort?: Effort;
  readonly imatrix?: Imatrix;
  readonly allowRequantize?: boolean;
}

export interface SensitivityOptions extends SensitivityChoices, RunOptions {
  readonly input: string;
}

/**
 * Measures a model.
 * @throws QuantizeError `unsupported` (an unknown architecture, no vocabulary), `unknown-name`, `no-room`, `bad-data`
 */
export async function measureSensitivity(options: SensitivityOptions): Promise<Sensitivity> {
  return withEngine(options, async (engine) => {
    announce(options, "open");
    return sensitivityOf(await openModel(options.input), options, engine);
  });
}

/**
 * Reads a measurement that was kept as JSON.
 * @throws QuantizeError `bad-format`, `io`, `incompatible` when it is of another model
 */
export async function readSensitivity(path: string, model: Model): Promise<Sensitivity> {
  return (await import("../calibrate/read-sensitivity.ts")).readSensitivity(path, model);
}

function referenceOf(candidates: readonly string[]): string {
  const away = (name: string): number => Math.abs(bitsPerWeight(findFormat(name)!) - REFERENCE_BITS);
  return candidates.reduce((best, name) => (away(name) < away(best) ? name : best));
}

/** The same for an open model. The engine has all its threads again afterwards. */
export async function sensitivityOf(
  model: Model,
  options: SensitivityChoices & RunOptions,
  engine: Engine,
): Promise<Sensitivity> {
  const { candidates: names = DEFAULT_CANDIDATES, threads = availableParallelism() } = options;
  const candidates = [...new Set(names.map((name) => findType(name, "--candidates")))];
  const reference = referenceOf(candidates);
  const source = prepareModel(model);
  const choices = { tokens: DEFAULT_TOKENS, ...options };
  const plans = new Map(candidates.map((name) => [name, planOf(model, name, options)]));
  const text =
    readCalibrationText(source, choices, CALIBRATION_METHODS.fast) ??
    (await writeCalibrationText(source, choices, CALIBRATION_METHODS.fast, options, engine));

  const errors = new Map<string, Map<string, TypeError>>();
  for (const [name, plan] of plans) {
    await engine.pool.restart(threads);
    errors.set(name, await measureErrors(plan, options, engine));
  }
  const measured = measuredTensors(source, plans.get(reference)!);
  const folder = mkdtempSync(join(tmpdir(), "quantize-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    await engine.pool.restart(threads);
    const path = join(folder, "reference.gguf");
    const { maxMemory, signal, onProgress, backend, effort } = options;
    const run = { ...(maxMemory && { maxMemory }), ...(signal && { signal }), ...(onProgress && { onProgress }) };
    const others = { ...(backend && { backend }), ...(effort && { effort }), threads, verify: "off" as const };
    await runConversion(plans.get(reference)!, path, { ...run, ...others }, engine);
    await engine.pool.restart(threads);
    const quantized = prepareModel(await openModel(path));
    const divergences = await runSensitivity(source, quantized, measured, text.windows, options, engine);
    await engine.pool.restart(threads);
    return {
      format: SENSITIVITY_VERSION,
      files: model.files.map((file) => ({ name: basename(file.path), bytes: file.byteLength })),
      ...text.source,
      text: basename(text.source.text),
      reference,
      candidates,
      tensors: measured.map((name, i) => ({
        name,
        shape: model.tensors.find((tensor) => tensor.name === name)!.shape,
        divergence: Math.max(0, divergences[i]!),
        types: Object.fromEntries(candidates.map((codec) => [codec, errors.get(codec)!.get(name)!])),
      })),
    };
  } finally {
    process.off("exit", remove);
    remove();
  }
}

function planOf(model: Model, scheme: string, { imatrix, allowRequantize }: SensitivityChoices): Plan {
  const options = { ...(imatrix && { imatrix }), ...(allowRequantize && { allowRequantize }) };
  return planConversion(model, { ...options, scheme, pure: true });
}

/** Matrices of the forward pass that a scheme quantizes, in the order of the plan. */
function measuredTensors(source: PreparedModel, plan: Plan): string[] {
  const inModel = new Set(matricesOf(source.weights).map(({ tensor }) => tensor.name));
  const names = plan.tensors.flatMap((planned) =>
    !isCopy(planned) && inModel.has(planned.tensor.name) && findFormat(planned.codec)!.kind !== "float"
      ? [planned.tensor.name]
      : [],
  );
  if (names.length > 0) return names;
  throw new QuantizeError("usage", `${source.model.path}: no matrix can have one of the candidate types`);
}
