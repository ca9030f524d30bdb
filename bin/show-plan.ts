/** Plans and prints the plan: `quantize plan` and `--dry-run`. */
import { planMemory } from "../src/engine/plan-memory.ts";
import { openModel } from "../src/open/open-model.ts";
import { summarizePlan } from "../src/report/plan-summary.ts";
import { planText } from "../src/report/plan-text.ts";
import { openOptionsOf, type PlanFlags, type PlanRequest } from "./plan-options.ts";
import { planWithoutMeasuring } from "./plan-request.ts";
import { conversionOptionsOf, type RunFlags } from "./run-options.ts";
import { print, printJson, stdoutView } from "./output.ts";

/** The flags of the run that change the plan's memory, and how it is shown. */
export type ShowPlanFlags = Pick<RunFlags, "threads" | "maxMemory" | "effort" | "json" | "color"> &
  Pick<PlanFlags, "preTokenizer">;

export async function showPlan(path: string, request: PlanRequest, flags: ShowPlanFlags): Promise<void> {
  const model = await openModel(path, openOptionsOf(flags));
  const plan = await planWithoutMeasuring(model, request);
  const effort = request.kind === "scheme" ? request.effort : undefined;
  const summary = summarizePlan(plan, planMemory(plan, { ...(effort && { effort }), ...conversionOptionsOf(flags) }));
  if (flags.json) printJson(summary);
  else print(planText(summary, stdoutView(flags)));
}
