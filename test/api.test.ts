import { expect, test } from "vitest";
import * as api from "#dist/src/index.js";

test("the public API is this, and every change of it is seen", () => {
  expect(Object.keys(api).sort()).toEqual([
    "QuantizeError",
    "applyRecipe",
    "dequantize",
    "describeLayouts",
    "describeSchemes",
    "describeTargets",
    "diffModels",
    "exitCode",
    "exportModel",
    "findScheme",
    "findTensor",
    "formatRecipe",
    "generateKernels",
    "htmlReport",
    "inspectCodebooks",
    "inspectElement",
    "inspectModel",
    "makeTokenizer",
    "openModel",
    "pack",
    "parseRecipe",
    "planConversion",
    "quantize",
    "readImatrix",
    "readManifest",
    "readRecipe",
    "reasonText",
    "recipeForModel",
    "renderChat",
    "unpack",
    "verify",
  ]);
});
