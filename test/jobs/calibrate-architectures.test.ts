/** Calibration of models that are not built like llama: fused matrices, norms behind a block, experts with biases. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { quantize } from "#dist/src/jobs/quantize.js";
import { temporaryFolder } from "../support/cli.js";
import { randomFolder, readGolden, writeVocabulary } from "../support/golden-folder.js";

test.each(["gemma3", "gpt-oss-bf16", "phi3"])("%s: every matrix of its layers is calibrated", async (name) => {
  const golden = readGolden(name);
  const input = randomFolder(golden.config, golden.sources);
  writeVocabulary(input);
  const { calibration } = await quantize({
    ...{ input, output: join(temporaryFolder(), "out.gguf"), scheme: "q4_0", pure: true, effort: "fast", threads: 1 },
    calibration: { tokens: 128, context: 16 },
  });
  const matrices = Object.entries(golden.tensors).filter(
    ([tensor, [, shape]]) =>
      /^blk\.\d+\.(attn|ffn)_.*weight$/.test(tensor) && shape.length > 1 && !tensor.includes("ffn_gate_inp"),
  );
  expect(calibration!.tensors.map((tensor) => tensor.name)).toEqual(
    expect.arrayContaining(matrices.map(([tensor]) => tensor)),
  );
  const worse = calibration!.tensors.filter(({ outputError, plainOutputError }) => outputError > plainOutputError);
  expect(worse).toEqual([]);
});
