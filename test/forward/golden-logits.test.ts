/** Logits of each architecture, as llama.cpp computes them from what its converter makes of the same folder. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareModel } from "#dist/src/evaluate/prepare-model.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { temporaryFolder } from "../support/cli.js";
import { logitsOf } from "../support/forward.js";
import { CONVERTED_ONLY, GOLDEN_NAMES, goldenFolder, readGolden } from "../support/golden-folder.js";

const POSITIONS = 24;

async function converted(name: string) {
  const output = join(temporaryFolder(), "model.gguf");
  await quantize({ input: goldenFolder(name, readGolden(name)), output, scheme: "f16", verify: "off", threads: 1 });
  return openModel(output);
}

/** All but `gemma3n`, which is not read. */
const withLogits = GOLDEN_NAMES.filter((name) => name !== "gemma3n" && readGolden(name).logits !== undefined);

/**
 * llama.cpp rounds keys, values and the activations before F16 weights to half precision: that much noise is in its
 * logits. The interop suite compares without, ten times closer.
 */
test.each(withLogits.filter((name) => !CONVERTED_ONLY.includes(name)))("%s", async (name) => {
  const expected = readGolden(name).logits!;
  const model = prepareModel(await converted(name));
  const { vocabulary } = model.weights;
  const tokens = Int32Array.from({ length: POSITIONS }, (_, i) => (7 * i) % vocabulary);
  const logits = logitsOf(model, tokens, POSITIONS);
  const last = logits.subarray((POSITIONS - 1) * vocabulary, (POSITIONS - 1) * vocabulary + expected.length);
  const largest = expected.reduce((most, logit, i) => Math.max(most, Math.abs(logit - last[i]!)), 0);
  const size = Math.sqrt(expected.reduce((sum, logit) => sum + logit * logit, 0) / expected.length);
  expect(largest / size).toBeLessThan(4e-3);
});

test.each(withLogits.filter((name) => CONVERTED_ONLY.includes(name)))(
  "%s is converted, and said not to be evaluated",
  async (name) => {
    const model = await converted(name);
    expect(() => prepareModel(model)).toThrow(/does not know the architecture "[\w-]+" \(such files are converted/);
  },
);
