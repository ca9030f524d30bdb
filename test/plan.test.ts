import { expect, test } from "vitest";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import { inOutputOrder } from "#dist/src/plan/tensor-order.js";
import { describeModel } from "./models.ts";

const stories = describeModel({ name: "stories", layers: 2, width: 64, feedForward: 172, heads: 8, valueHeads: 4 });
const typesOf = (plan: ReturnType<typeof planConversion>) =>
  Object.fromEntries(plan.tensors.map((t) => [t.tensor.name, t.codec]));

test("tensors come by layer, then by name, and follow each other at aligned offsets", () => {
  const plan = planConversion(stories, { scheme: "f32" });
  expect(plan.tensors.slice(0, 4).map((t) => t.tensor.name)).toEqual([
    "output.weight",
    "output_norm.weight",
    "token_embd.weight",
    "blk.0.attn_k.weight",
  ]);
  let offset = 0;
  for (const tensor of plan.tensors) {
    expect(tensor.byteOffset).toBe(offset);
    offset += Math.ceil(tensor.byteLength / 32) * 32;
  }
});

test("layers are ordered by number, not by letters", () => {
  const names = ["blk.10.a", "blk.9.b", "blk.9.a", "token_embd.weight", "blk.x"].map((name) => ({ name }));
  expect(inOutputOrder(names).map((t) => t.name)).toEqual([
    "blk.x",
    "token_embd.weight",
    "blk.9.a",
    "blk.9.b",
    "blk.10.a",
  ]);
});

test("rows that do not divide fall back to f16 and say so", () => {
  const plan = planConversion(stories, { scheme: "q8_0" });
  const down = plan.tensors.find((t) => t.tensor.name === "blk.0.ffn_down.weight")!;
  expect(down).toMatchObject({ codec: "f16", isFallback: true });
  expect(down.reason).toBe("fallback: rows of 172 do not divide by 32 (q8_0)");
  expect(typesOf(plan)["blk.0.attn_q.weight"]).toBe("q8_0");
  expect(typesOf(plan)["output_norm.weight"]).toBe("f32");
});
