/** How many weights a model has, as people say it. */
import { elementCount, type Tensor } from "../../model.ts";

/** Weights of a model: all, and of those with experts how many experts there are and how many weights one way has. */
export interface WeightCounts {
  readonly total: number;
  readonly experts: number;
  readonly perExpert: number;
}

/** Counts weights; experts are those of tensors that are called so, on average. */
export function countWeights(tensors: readonly Tensor[]): WeightCounts {
  let [total, perExpert, experts, stacks] = [0, 0, 0, 0];
  for (const { name, shape } of tensors) {
    const size = elementCount(shape);
    const members = name.includes("_exps.") ? (shape[name.includes(".bias") ? 1 : 2] ?? 1) : 1;
    total += size;
    perExpert += Math.floor(size / members);
    if (name.includes("_exps.")) [experts, stacks] = [experts + members, stacks + 1];
  }
  return { total, perExpert, experts: stacks === 0 ? 0 : Math.floor(experts / stacks) };
}

/** 8.0B, 71B, 260K, 8x7.3B: at least two digits. */
export function sizeLabel({ total, experts, perExpert }: WeightCounts): string {
  return experts > 0 ? `${experts}x${rounded(perExpert)}` : rounded(total);
}

function rounded(count: number): string {
  const [scale, unit] = count > 1e12 ? [1e12, "T"] : count > 1e9 ? [1e9, "B"] : count > 1e6 ? [1e6, "M"] : [1e3, "K"];
  const scaled = count / scale;
  const digits = String(Math.round(scaled)).replace(/^0+/, "").length;
  return scaled.toFixed(Math.max(0, 2 - digits)) + unit;
}
