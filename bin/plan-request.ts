/** From what was asked for to the plan of a model. */
import { planConversion } from "../src/plan/plan-conversion.ts";
import { planExport } from "../src/plan/plan-export.ts";
import type { Plan } from "../src/plan/plan.ts";
import type { Model } from "../src/read/model.ts";
import type { PlanRequest } from "./plan-options.ts";

/** The plan of an export or of a scheme. */
export function planRequest(model: Model, request: PlanRequest): Plan {
  return request.kind === "export" ? planExport(model, request.options) : planConversion(model, request.options);
}
