/** The main job: `quantize <model> --scheme q4_cb -o out.gguf`. */
import { Command } from "commander";
import { defaultOutput } from "../default-output.ts";
import * as options from "../options.ts";
import { addPlanOptions, planRequestOf, requestName, type PlanFlags, type PlanRequest } from "../plan-options.ts";
import {
  addBudgetOptions,
  addRunOptions,
  compatOption,
  conversionOptionsOf,
  noManifestOption,
  verifyOption,
  type RunFlags,
} from "../run-options.ts";
import { addSideFileOptions, type SideFlags } from "../side-file-options.ts";
import type { Engine } from "../../src/engine/start-engine.ts";
import { toolVersion } from "../../src/text/version.ts";

interface QuantizeFlags extends RunFlags, PlanFlags, SideFlags {
  readonly output?: string;
  readonly dryRun?: boolean;
}

async function run(input: string, flags: QuantizeFlags): Promise<void> {
  const request = await planRequestOf(flags);
  if (flags.dryRun) {
    const { showPlan } = await import("../show-plan.ts");
    return showPlan(input, request, flags);
  }
  // Threads take a tenth of a second to start: time enough to load what plans and reports.
  const { withEngine } = await import("../../src/engine/start-engine.ts");
  await withEngine(conversionOptionsOf(flags), (engine) => convert(input, flags, request, engine));
}

async function convert(input: string, flags: QuantizeFlags, request: PlanRequest, engine: Engine): Promise<void> {
  const [{ onEngine }, { planRequest }, { withReport }, { convertModel }] = await Promise.all([
    import("../convert.ts"),
    import("../plan-request.ts"),
    import("../side-files.ts"),
    import("../../src/jobs/convert-model.ts"),
  ]);
  const output = flags.output ?? defaultOutput(input, requestName(request));
  // What a recipe says of the run gives way to options of the command line.
  const { effort, compat } = request.kind === "export" ? {} : request;
  const stated = { ...(effort && { effort }), ...(compat && { compat }) };
  const { manifest: manifestFile } = flags;
  const fixed = { ...stated, ...conversionOptionsOf(flags), ...(manifestFile && { manifestFile }), input, output };
  await withReport(flags, () =>
    onEngine(flags, (run) => convertModel({ ...fixed, ...run }, (model) => planRequest(model, request), engine)),
  );
}

/** The program itself; the other commands are added to it. Loaded for `--help` and `--version`: imports stay light. */
export function quantizeCommand(): Command {
  const command = new Command("quantize")
    .description("Turns a float language-model checkpoint into a small, verified, Arm-ready one.")
    .version(toolVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .argument("<model>", "a .gguf (also split), a .safetensors, or a Hugging Face folder")
    .optionsGroup("What becomes of the tensors:");
  addPlanOptions(command).addOption(options.effortOption());
  command.optionsGroup("What is written:");
  command
    .option("-o, --output <file>", "the GGUF to write (default: <model>-<scheme>.gguf in the current folder)")
    .addOption(options.forceOption())
    .addOption(compatOption())
    .addOption(noManifestOption())
    .option("-n, --dry-run", "print the plan and write nothing, as `quantize plan`");
  addSideFileOptions(command);
  command.optionsGroup("What is checked:").addOption(verifyOption());
  addBudgetOptions(command);
  command.optionsGroup("How it runs:");
  return addRunOptions(command).action(run);
}
