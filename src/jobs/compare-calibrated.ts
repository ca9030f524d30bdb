/** What calibrated tensors are in the end: hashes and errors, from the files as they are now. */
import type { TensorResult } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { CalibrationReport } from "./calibration.types.ts";
import { compareTensors } from "./compare-tensors.ts";
import type { WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions } from "./conversion.types.ts";
import { writtenModel, type PlannedCodebooks } from "./written-model.ts";

/** @returns the results of all tensors, those of calibrated ones anew */
export async function compareCalibrated(
  { plan, files, results }: WrittenTensors,
  codebooks: PlannedCodebooks,
  { tensors }: CalibrationReport,
  options: ConversionOptions,
  engine: Engine,
): Promise<TensorResult[]> {
  const { verify = "kernels" } = options;
  const errors = new Map(tensors.map(({ name, outputError }) => [name, outputError]));
  const written = writtenModel(plan, files[0]!.path, files, codebooks);
  const positions = plan.tensors.flatMap(({ tensor }, i) => (errors.has(tensor.name) ? [i] : []));
  const pairs = positions.map((i) => ({ written: written.tensors[i]!, tensor: plan.tensors[i]!.tensor }));
  const both = { written: written.files, original: plan.model.files };
  const level = verify === "off" ? "weights" : verify;
  const compared = await compareTensors(pairs, both, level, "compare", options, engine);
  const all = [...results];
  for (const [n, position] of positions.entries()) {
    const { sums, products, ...unchecked } = compared.results[n]!;
    const checked = { ...unchecked, ...(sums && { sums }), ...(products && { products }) };
    all[position] = {
      ...(verify === "off" ? unchecked : checked),
      outputError: errors.get(plan.tensors[position]!.tensor.name)!,
      seconds: results[position]!.seconds + unchecked.seconds,
    };
  }
  return all;
}
