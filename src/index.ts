/** The public API: every command of the command line is one of these functions. */
export { diffModels, type DiffOptions, type ModelDifference, type TensorDifference } from "./diff-models.ts";
export { dequantize, type DequantizeOptions } from "./dequantize.ts";
export type {
  BackendName,
  ComparedTensor,
  ConversionOptions,
  ConversionReport,
  Progress,
  Quality,
  QualityBudget,
  RunOptions,
  TensorReport,
  Totals,
  VerificationReport,
  VerifyLevel,
} from "./engine/conversion.types.ts";
export { exportModel, type ExportOptions } from "./export-model.ts";
export { exitCode, QuantizeError, type ErrorCode } from "./errors.ts";
export { readImatrix } from "./imatrix/read-imatrix.ts";
export type { Imatrix, ImatrixFilter } from "./imatrix/imatrix.types.ts";
export { describeLayouts, describeTargets, type LayoutDescription } from "./inspect/describe-layouts.ts";
export { describeSchemes, type SchemeDescription } from "./inspect/describe-schemes.ts";
export { inspectCodebooks, type InspectedCodebook } from "./inspect/inspect-codebooks.ts";
export { inspectElement, type ElementOptions, type InspectedElement } from "./inspect/inspect-element.ts";
export { inspectModel, type InspectOptions, type Inspection } from "./inspect/inspect-model.ts";
export { findTensor } from "./inspect/tensor-reader.ts";
export { generateKernels, type GenerateOptions } from "./kernels/c/generate-kernels.ts";
export { applyRecipe, type AppliedRecipe } from "./plan/apply-recipe.ts";
export { formatRecipe, recipeForModel } from "./plan/format-recipe.ts";
export { planConversion } from "./plan/plan-conversion.ts";
export type { IncompatiblePolicy, Plan, PlanOptions, TensorPlan } from "./plan/plan.types.ts";
export { parseRecipe, readRecipe } from "./plan/read-recipe.ts";
export type { RecipeFile } from "./plan/recipe-file.types.ts";
export type { Recipe, Rule } from "./plan/recipe.types.ts";
export { findScheme } from "./plan/schemes.ts";
export { quantize, type QuantizeOptions } from "./quantize.ts";
export { readManifest } from "./read-manifest.ts";
export type { Metadata, MetadataValue, Model, Tensor } from "./read/model.ts";
export { openModel } from "./read/open-model.ts";
export { pack, unpack, type RepackOptions } from "./repack.ts";
export { htmlReport } from "./report/html-report.ts";
export { verify, type VerifyOptions } from "./verify.ts";
export type { Manifest } from "./write/manifest.ts";
