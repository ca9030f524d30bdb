/** From what was asked for to the plan of a model. */
import type { Sensitivity } from "../src/calibrate/sensitivity.types.ts";
import { QuantizeError } from "../src/errors.ts";
import { planConversion } from "../src/plan/plan-conversion.ts";
import { planExport } from "../src/plan/plan-export.ts";
import type { Plan } from "../src/plan/plan.ts";
import type { Model } from "../src/read/model.ts";
import type { HeaderOptions } from "../src/write/output-header.ts";
import type { MixRequest, PlanRequest } from "./plan-options.ts";

/**
 * The plan of an export, of a scheme, or of a mix.
 * @param measure what a mix is made from, where no file of it was named
 * @param header what decides how long the headers of the output are, for a mix of a given size
 */
export async function planRequest(
  model: Model,
  request: PlanRequest,
  measure: (request: MixRequest) => Promise<Sensitivity>,
  header: HeaderOptions = {},
): Promise<Plan> {
  if (request.kind === "export") return planExport(model, request.options);
  if (request.kind === "scheme") return planConversion(model, request.options);
  const { sensitivity: path, target, options, candidates } = request;
  const [{ mixModel }, { readSensitivity }] = await Promise.all([
    import("../src/jobs/mix-model.ts"),
    import("../src/jobs/measure-sensitivity.ts"),
  ]);
  const sensitivity = path === undefined ? await measure(request) : await readSensitivity(path, model);
  return mixModel(model, sensitivity, target, { ...options, ...(candidates && { candidates }) }, header).plan;
}

/** For commands that write nothing and read no weights. */
export function planWithoutMeasuring(model: Model, request: PlanRequest): Promise<Plan> {
  return planRequest(model, request, () => {
    throw new QuantizeError(
      "usage",
      "a mix needs a measurement: quantize sensitivity <model> -o <file>, then --sensitivity <file>",
    );
  });
}
