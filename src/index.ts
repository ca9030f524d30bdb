/** The public API: every command of the command line is one of these functions. */
export { diffModels, type DiffOptions, type ModelDifference, type TensorDifference } from "./jobs/diff-models.ts";
export { dequantize, type DequantizeOptions } from "./jobs/dequantize.ts";
export type { Progress, RunOptions } from "./engine/run-options.ts";
export type { BackendName } from "./engine/worker/backend.ts";
export type {
  ComparedTensor,
  ConversionOptions,
  ConversionReport,
  TensorReport,
  Totals,
  VerificationReport,
} from "./jobs/conversion.types.ts";
export type { Quality, QualityBudget } from "./verify/quality.types.ts";
export type { VerifyLevel } from "./verify/verify-level.ts";
export { evaluateModel, outlineEvaluation } from "./jobs/evaluate-model.ts";
export type { EvaluationOptions, EvaluationOutline, EvaluationReport } from "./jobs/evaluation.types.ts";
export type { EvaluationBudget } from "./evaluate/budget.ts";
export { sampleWindows, type OwnTextOptions } from "./evaluate/own-text.ts";
export type { Comparison, Distribution, Estimate } from "./evaluate/statistics.ts";
export type { Windows } from "./evaluate/windows.ts";
export { exportModel, type ExportOptions } from "./jobs/export-model.ts";
export { exitCode, QuantizeError, type ErrorCode } from "./errors.ts";
export { generateText, type GenerationOptions, type GenerationReport } from "./jobs/generate-text.ts";
export type { ImatrixContents, ImatrixOptions, ImatrixReport, MergeOptions } from "./jobs/imatrix.types.ts";
export { measureImatrix } from "./jobs/measure-imatrix.ts";
export { mergeImatrices } from "./jobs/merge-imatrices.ts";
export { readImatrix } from "./imatrix/read-imatrix.ts";
export type { Imatrix, ImatrixFilter } from "./imatrix/imatrix.types.ts";
export { describeLayouts, describeTargets, type LayoutDescription } from "./inspect/describe-layouts.ts";
export { describeSchemes, type SchemeDescription } from "./inspect/describe-schemes.ts";
export { inspectCodebooks, type InspectedCodebook } from "./inspect/inspect-codebooks.ts";
export { inspectElement, type ElementOptions, type InspectedElement } from "./inspect/inspect-element.ts";
export { inspectModel, type InspectOptions, type Inspection } from "./inspect/inspect-model.ts";
export { findTensor } from "./open/tensor-reader.ts";
export { mixModel, type Mix, type MixOptions, type MixTarget } from "./jobs/mix-model.ts";
export { measureSensitivity, readSensitivity, type SensitivityOptions } from "./jobs/measure-sensitivity.ts";
export type { SensitiveTensor, Sensitivity } from "./calibrate/sensitivity.types.ts";
export { generateKernels, type GenerateOptions } from "./kernels/c/generate-kernels.ts";
export { applyRecipe, type AppliedRecipe } from "./plan/apply-recipe.ts";
export { recipeForModel } from "./plan/recipe-for-model.ts";
export { planConversion } from "./plan/plan-conversion.ts";
export type { Plan, PlanOptions, TensorPlan } from "./plan/plan.ts";
export { reasonText, type Reason } from "./plan/reason.ts";
export type { IncompatiblePolicy } from "./plan/recipes/incompatible-policy.ts";
export { formatRecipe, parseRecipe, readRecipe } from "./jobs/recipe-files.ts";
export type { RecipeFile } from "./plan/recipes/recipe-file.types.ts";
export type { Recipe, Rule } from "./plan/recipes/recipe.types.ts";
export { findScheme } from "./plan/recipes/schemes.ts";
export { quantize, type QuantizeOptions } from "./jobs/quantize.ts";
export { readManifest } from "./open/read-manifest.ts";
export type { Metadata, MetadataValue, Model, Tensor } from "./read/model.ts";
export { openModel, type OpenOptions } from "./open/open-model.ts";
export { pack, unpack, type RepackOptions } from "./jobs/repack.ts";
export { htmlReport } from "./report/html-report.ts";
export { makeTokenizer } from "./tokenizer/make-tokenizer.ts";
export { renderChat, type ChatMessage, type ChatOptions } from "./tokenizer/render-chat.ts";
export type {
  DecodeOptions,
  EncodeOptions,
  StreamDecoder,
  Token,
  Tokenizer,
  TokenType,
} from "./tokenizer/tokenizer.types.ts";
export { verify, type VerifyOptions } from "./jobs/verify.ts";
export type { Manifest } from "./container/manifest.ts";
