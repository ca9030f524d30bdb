import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { randomFolder } from "../support/golden-folder.ts";
import { OWN_FOLDERS } from "../support/own-folders.ts";

/** A folder's tensors by name, and its keys below the architecture's name. */
async function read(name: string) {
  const { config, sources } = OWN_FOLDERS[name]!;
  const { tensors, metadata } = await openModel(randomFolder(config, sources));
  const own = [...metadata].filter(([key]) => key.startsWith(`${name}.`));
  return {
    shapes: Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.shape])),
    keys: Object.fromEntries(own.map(([key, entry]) => [key.slice(name.length + 1), "value" in entry && entry.value])),
  };
}

test("dots1: a dense layer, then a router with a bias, stacked experts and those that all tokens pass", async () => {
  const { shapes, keys } = await read("dots1");
  const layer = (index: number) =>
    Object.keys(shapes)
      .filter((name) => name.startsWith(`blk.${index}.ffn_`))
      .sort();
  expect(layer(0)).toEqual(["ffn_down", "ffn_gate", "ffn_norm", "ffn_up"].map((name) => `blk.0.${name}.weight`));
  expect(shapes).toMatchObject({
    "blk.1.ffn_gate_inp.weight": [64, 4],
    "blk.1.exp_probs_b.bias": [4],
    "blk.1.ffn_gate_exps.weight": [64, 48, 4],
    "blk.1.ffn_down_exps.weight": [48, 64, 4],
    "blk.1.ffn_up_shexp.weight": [64, 96],
    "blk.1.attn_q_norm.weight": [16],
  });
  expect(keys).toMatchObject({
    ...{ leading_dense_block_count: 1, expert_count: 4, expert_used_count: 2, expert_shared_count: 2 },
    ...{ expert_feed_forward_length: 48, expert_weights_scale: 2.5, expert_weights_norm: true, expert_gating_func: 2 },
  });
});
