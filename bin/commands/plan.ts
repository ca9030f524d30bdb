/** `quantize plan`: what the main job would do, without reading a weight. */
import { Command } from "commander";
import * as options from "../options.ts";
import { addPlanOptions, planRequestOf, type PlanFlags } from "../plan-options.ts";
import { showPlan, type ShowPlanFlags } from "../show-plan.ts";

export function planCommand(): Command {
  const command = new Command("plan")
    .description("Shows what the main job would do: per tensor type, layout and bytes, fallbacks, totals.")
    .argument("<model>", options.MODEL_HELP);
  return addPlanOptions(command)
    .addOption(options.revisionOption())
    .addOption(options.effortOption())
    .addOption(options.threadsOption())
    .addOption(options.maxMemoryOption())
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action(async (model: string, flags: PlanFlags & ShowPlanFlags) =>
      showPlan(model, await planRequestOf(flags), flags),
    );
}
