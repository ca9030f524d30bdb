/** Compares a finished file with its original, in the same workers and with the same sums as a conversion. */
import { QuantizeError } from "../errors.ts";
import { elementCount, type Model } from "../read/model.ts";
import { storedBytes } from "../read/read-tensor.ts";
import { hashCodebooks } from "../verify/codebook-hash.ts";
import { formatHash } from "../verify/xxh64.ts";
import { manifestOf, type ManifestTensor } from "../container/manifest.ts";
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
 * @throws QuantizeError `incompatible`; `damaged` when bytes are not those of the manifest, `budget` when a bound is
 * missed; the cause of both is the report
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
    const hash = formatHash(result.hash);
    const codebookHash = written.codebooks && formatHash(hashCodebooks(written.codebooks));
    const damage = claim && damageOf(claim, hash, codebookHash);
    return {
      name: written.name,
      shape: written.shape,
      weights: elementCount(written.shape),
      against: { codec: tensor.codec, layout: tensor.layout },
      encoding: { codec: written.codec, layout: written.layout },
      byteLength: storedBytes(written),
      quality: qualityOf(result)!,
      hash,
      ...(claim === undefined ? {} : { manifestHash: claim.hash }),
      ...(codebookHash !== undefined && { codebookHash }),
      ...(claim?.codebookHash !== undefined && { manifestCodebookHash: claim.codebookHash }),
      ...(damage !== undefined && { damage }),
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
    damaged: tensors.filter(({ damage }) => damage !== undefined).map(({ name }) => name),
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

/** What of a tensor is not as the manifest says, in words. */
function damageOf(claim: ManifestTensor, hash: string, codebookHash: string | undefined): string | undefined {
  if (claim.hash !== hash) return `expected bytes of hash ${claim.hash}, found ${hash}`;
  if (claim.codebookHash === undefined || claim.codebookHash === codebookHash) return undefined;
  return `expected learned tables and levels of hash ${claim.codebookHash}, found ${codebookHash ?? "none"}`;
}

function requireIntact(report: VerificationReport): void {
  const first = report.tensors.find(({ damage }) => damage !== undefined);
  if (first === undefined) return;
  const rest = report.damaged.length > 1 ? `, and ${report.damaged.length - 1} more tensors are damaged` : "";
  throw new QuantizeError("damaged", `${report.input}: tensor ${first.name}: ${first.damage}${rest}`, {
    cause: report,
  });
}
