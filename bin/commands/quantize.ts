/** The main job: `quantize <model> --scheme q4_cb -o out.gguf`. */
import { Command } from "commander";
import { defaultOutput } from "../default-output.ts";
import { localModel } from "../local-model.ts";
import * as options from "../options.ts";
import {
  addPlanOptions,
  openOptionsOf,
  planRequestOf,
  requestName,
  type MixRequest,
  type PlanFlags,
  type PlanRequest,
} from "../plan-options.ts";
import {
  addBudgetOptions,
  addRunOptions,
  compatOption,
  conversionOptionsOf,
  noManifestOption,
  resumeOption,
  verifyOption,
  type RunFlags,
} from "../run-options.ts";
import { addCalibrationOptions, calibrationOf, type CalibrationFlags } from "../calibration-options.ts";
import { addConversionEvaluationOptions, conversionEvaluationOf, type EvalFlags } from "../evaluation-options.ts";
import { addSideFileOptions, type SideFlags } from "../side-file-options.ts";
import type { Sensitivity } from "../../src/calibrate/sensitivity.types.ts";
import type { Engine } from "../../src/engine/start-engine.ts";
import type { ConversionOptions } from "../../src/jobs/conversion.types.ts";
import type { ConversionEvaluation } from "../../src/jobs/evaluate-conversion.ts";
import type { Model } from "../../src/read/model.ts";
import { toolVersion } from "../../src/text/version.ts";

interface QuantizeFlags extends RunFlags, PlanFlags, SideFlags, CalibrationFlags, EvalFlags {
  readonly output?: string;
  readonly revision?: string;
  readonly dryRun?: boolean;
}

async function run(model: string, flags: QuantizeFlags): Promise<void> {
  const request = await planRequestOf(flags);
  const evaluation = conversionEvaluationOf(flags);
  if (flags.dryRun) {
    const { showPlan } = await import("../show-plan.ts");
    return showPlan(model, request, flags);
  }
  const input = await localModel(model, flags);
  // Threads take a tenth of a second to start: time enough to load what plans and reports.
  const { withEngine } = await import("../../src/engine/start-engine.ts");
  await withEngine(conversionOptionsOf(flags), (engine) => convert(input, flags, request, evaluation, engine));
}

async function convert(
  input: string,
  flags: QuantizeFlags,
  request: PlanRequest,
  evaluation: ConversionEvaluation | undefined,
  engine: Engine,
): Promise<void> {
  const [{ onEngine }, { planRequest }, { withSideFiles }, { convertModel }] = await Promise.all([
    import("../convert.ts"),
    import("../plan-request.ts"),
    import("../side-files.ts"),
    import("../../src/jobs/convert-model.ts"),
  ]);
  const output = flags.output ?? defaultOutput(input, requestName(request));
  // What a recipe says of the run gives way to options of the command line.
  const { effort, compat, calibration: statedCalibration } = request.kind === "scheme" ? request : {};
  const calibration = calibrationOf(flags, statedCalibration);
  const stated = { ...(effort && { effort }), ...(compat && { compat }) };
  const { manifest: manifestFile } = flags;
  await withSideFiles(flags, () =>
    onEngine(flags, (run) => {
      const options = {
        ...stated,
        ...conversionOptionsOf(flags),
        ...openOptionsOf(flags),
        ...(manifestFile && { manifestFile }),
        ...(calibration && { calibration }),
        ...(evaluation && { evaluation }),
        ...run,
        input,
        output,
      };
      const plan = (model: Model) =>
        planRequest(model, request, (mix) => measure(model, mix, options, engine), options);
      return convertModel(options, plan, engine);
    }),
  );
}

/** What a mix is made from, measured on the text that the calibration has too. */
async function measure(
  model: Model,
  { candidates, options: { imatrix, allowRequantize } }: MixRequest,
  { calibration, ...run }: ConversionOptions,
  engine: Engine,
): Promise<Sensitivity> {
  const { sensitivityOf } = await import("../../src/jobs/measure-sensitivity.ts");
  const { tokens: _, ...text } = calibration ?? {};
  const choices = {
    ...(candidates && { candidates }),
    ...(imatrix && { imatrix }),
    ...(allowRequantize && { allowRequantize }),
  };
  return sensitivityOf(model, { ...run, ...text, ...choices }, engine);
}

/** The program itself; the other commands are added to it. Loaded for `--help` and `--version`: imports stay light. */
export function quantizeCommand(): Command {
  const command = new Command("quantize")
    .description("Turns a float language-model checkpoint into a small, verified, Arm-ready one.")
    .version(toolVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .argument("<model>", options.MODEL_HELP)
    .optionsGroup("What becomes of the tensors:");
  addPlanOptions(command).addOption(options.effortOption());
  addCalibrationOptions(command);
  command.optionsGroup("What is written:");
  command
    .option("-o, --output <file>", "the GGUF to write (default: <model>-<scheme>.gguf in the current folder)")
    .addOption(options.forceOption())
    .addOption(compatOption())
    .addOption(resumeOption())
    .addOption(noManifestOption())
    .option("-n, --dry-run", "print the plan and write nothing, as `quantize plan`");
  addSideFileOptions(command);
  command.optionsGroup("What is checked:").addOption(verifyOption());
  addConversionEvaluationOptions(addBudgetOptions(command));
  command.optionsGroup("How it runs:").addOption(options.revisionOption());
  return addRunOptions(command).action(run);
}
