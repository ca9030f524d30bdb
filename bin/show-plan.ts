/** Plans and prints the plan: `quantize plan` and `--dry-run`. */
import { planConversion } from "../src/plan/plan-conversion.ts";
import type { PlanOptions } from "../src/plan/plan.types.ts";
import { openModel } from "../src/read/open-model.ts";
import { summarizePlan } from "../src/report/plan-summary.ts";
import { planText } from "../src/report/plan-text.ts";
import { coloursFor, outputWidth, print, printJson } from "./output.ts";

export async function showPlan(
  path: string,
  options: PlanOptions,
  flags: { readonly json?: boolean; readonly color: boolean },
): Promise<void> {
  const summary = summarizePlan(planConversion(await openModel(path), options));
  if (flags.json) printJson(summary);
  else print(planText(summary, { width: outputWidth(), colours: coloursFor(process.stdout, flags.color) }));
}
