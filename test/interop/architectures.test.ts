/**
 * Folders of every architecture that is read, quantized with the mixes of llama.cpp: types and bytes are those that
 * llama-quantize makes of the same folder in f16, and llama.cpp knows the architecture with the keys that it is given.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { openModel } from "../../dist/src/open/open-model.js";
import type { Model } from "../../dist/src/read/model.js";
import { GOLDEN_NAMES, goldenFolder, readGolden } from "../support/golden-folder.ts";
import { readStored } from "../support/read-weights.ts";
import { llamaQuantize } from "./llama.ts";

const folder = mkdtempSync(join(tmpdir(), "architectures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each has rules of its own for values, outputs, the first layers or experts. */
const MIXES = ["q8_0", "q4_k_m", "q3_k_l", "q5_0", "iq4_xs", "mxfp4_moe"];

const list = (model: Model) => model.tensors.map(({ name, codec }) => `${name} ${codec}`);

test.each(GOLDEN_NAMES.filter((name) => name !== "gemma3n"))(
  "%s: the mixes of llama-quantize, bit for bit",
  async (name) => {
    const input = goldenFolder(name, readGolden(name));
    const [floats, peer, output] = ["floats", "peer", "ours"].map((stem) => join(folder, `${stem}.gguf`));
    await quantize({ input, output: floats!, scheme: "f16", verify: "off", force: true, threads: 1 });
    for (const scheme of MIXES) {
      const options = { input: floats!, scheme, allowRequantize: true };
      const result = llamaQuantize({ ...options, output: peer! });
      expect(result.code, result.log).toBe(0);
      await quantize({ ...options, output: output!, verify: "off", force: true, threads: 1 });
      const [expected, found] = [await openModel(peer!), await openModel(output!)];
      expect(list(found)).toEqual(list(expected));
      const different = expected.tensors.filter(
        ({ name }) => !Buffer.from(readStored(expected, name)).equals(Buffer.from(readStored(found, name))),
      );
      expect(different.map(({ name, codec }) => `${scheme}: ${name} ${codec}`)).toEqual([]);
    }
  },
);
