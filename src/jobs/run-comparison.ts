/** Compares a finished file with its original, in the same workers and with the same sums as a conversion. */
import { QuantizeError } from "../errors.ts";
import { elementCount, type Model } from "../read/model.ts";
import { storedBytes } from "../read/read-tensor.ts";
import { formatHash } from "../verify/xxh64.ts";
import { manifestOf } from "../container/manifest.ts";
import { requireQuality } from "../verify/budget.ts";
import { compareTensors, type TensorPair } from "./compare-tensors.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { ComparedTensor, VerificationReport } from "./conversion.types.ts";
import type { QualityBudget } from "../verify/quality.types.ts";
import type { ComparisonLevel } from "../verify/verify-level.ts";
import { pooledQuality, qualityOf } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";

export interface ComparisonOptions extends RunOptions, QualityBudget {
  readonly verify?: ComparisonLevel;
}

/** Every tensor beside its original. @throws QuantizeError `incompatible` when the models differ in names or shapes */
function pairsOf(model: Model, original: Model): TensorPair[] {
  const byName = new Map(original.tensors.map((tensor) => [tensor.name, tensor]));
  const missing = original.tensors.filter(({ name }) => !model.tensors.some((written) => written.name === name));
  if (missing.length > 0) {
    const expected = `expected the ${original.tensors.length} tensors of ${original.path}`;
    throw new QuantizeError(
      "incompatible",
      `${model.path}: ${expected}, ${missing.length} are not there, ${missing[0]!.name} for one`,
    );
  }
  return model.tensors.map((written) => {
    const tensor = byName.get(written.name);
    if (tensor === undefined) {
      throw new QuantizeError("incompatible", `${original.path}: expected a tensor ${written.name}, found none`);
    }
    const [expected, found] = [tensor.shape.join(" x "), written.shape.join(" x ")];
    if (expected !== found) {
      throw new QuantizeError("incompatible", `tensor ${written.name}: expected ${expected} weights, found ${found}`);
    }
    return { written, tensor };
  });
}

/**
 * @param engine started with the same options, for this run only
 * @returns qualities as the conversion reported them, and whether the bytes are still those of the manifest
 * @throws QuantizeError `incompatible`; `budget` when bytes are damaged or a bound is missed
 */
export async function runComparison(
  model: Model,
  original: Model,
  options: ComparisonOptions,
  engine: Engine,
): Promise<VerificationReport> {
  const { backend } = engine;
  const start = performance.now();
  const { verify = "kernels" } = options;
  const pairs = pairsOf(model, original);
  const manifest = await manifestOf(model.metadata, model.path);
  const files = { written: model.files, original: original.files };
  const { results, memory } = await compareTensors(pairs, files, verify, "compare", options, engine);
  const claims = new Map(manifest?.tensors.map((claim) => [claim.name, claim]));
  const tensors = pairs.map(({ written, tensor }, index): ComparedTensor => {
    const result = results[index]!;
    const claim = claims.get(written.name);
    return {
      name: written.name,
      shape: written.shape,
      weights: elementCount(written.shape),
      against: { codec: tensor.codec, layout: tensor.layout },
      encoding: { codec: written.codec, layout: written.layout },
      byteLength: storedBytes(written),
      quality: qualityOf(result)!,
      hash: formatHash(result.hash),
      ...(claim === undefined ? {} : { manifestHash: claim.hash }),
      seconds: result.seconds,
    };
  });
  const pooled = pooledQuality(
    results.flatMap((result, index) => {
      const { written, tensor } = pairs[index]!;
      return written.codec === tensor.codec ? [] : [{ ...result, codec: written.codec }];
    }),
  ) ?? { nmse: 0, cosine: 1 };
  const report: VerificationReport = {
    input: model.path,
    against: original.path,
    tensors,
    damaged: tensors.filter((t) => t.manifestHash !== undefined && t.manifestHash !== t.hash).map((t) => t.name),
    ...pooled,
    hasManifest: manifest !== undefined,
    backend,
    threads: memory.threads,
    seconds: (performance.now() - start) / 1000,
  };
  requireIntact(report);
  requireQuality(tensors, options, report);
  return report;
}

function requireIntact(report: VerificationReport): void {
  const [first] = report.damaged;
  if (first === undefined) return;
  const { hash, manifestHash } = report.tensors.find(({ name }) => name === first)!;
  const rest = report.damaged.length > 1 ? `, and ${report.damaged.length - 1} more tensors are damaged` : "";
  throw new QuantizeError(
    "budget",
    `${report.input}: tensor ${first}: expected bytes of hash ${manifestHash}, found ${hash}${rest}`,
    { cause: report },
  );
}
