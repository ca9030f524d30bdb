/** The numbers that shape a model, from its metadata, each checked before it is used. */
import { QuantizeError } from "../errors.ts";
import type { Metadata, Model } from "../read/model.ts";
import { architectureRules, knownArchitectures, type ArchitectureRules, type Routing } from "./architectures.ts";
import { naturalLogarithm } from "./numerics/elementary.ts";
import type { RopeParameters } from "./numerics/rope.ts";

/** Greater counts are no real model's (the largest have 126 layers, 128 heads, 512 experts, rows of 53248). */
const MOST_LAYERS = 4096;
const MOST_HEADS = 65536;
const MOST_EXPERTS = 65536;
const MOST_WIDTH = 2 ** 24;
const MOST_POSITIONS = 2 ** 30;

export interface Hyperparameters {
  readonly architecture: string;
  readonly rules: ArchitectureRules;
  readonly layers: number;
  /** Length of a hidden state. */
  readonly width: number;
  /** Query heads, and key/value heads, of each layer. */
  readonly heads: readonly number[];
  readonly keyHeads: readonly number[];
  readonly keyLength: number;
  readonly valueLength: number;
  /** Of the norms. */
  readonly epsilon: number;
  /** Positions that the model was made for. */
  readonly context: number;
  readonly rope: Omit<RopeParameters, "factors">;
  /** Of layers with a window, where they have others. */
  readonly windowedRope?: Omit<RopeParameters, "factors">;
  /** Queries grow by so much with the logarithm of how many original contexts lie before them (Llama 4's temperature). */
  readonly queryGrowth: number;
  /** With longer contexts other factors of the rotary frequencies are taken, where a model has two sets. */
  readonly originalContext: number;
  /** Experts used for each token; 0 without experts. */
  readonly expertsUsed: number;
  readonly routing: Routing;
  /** Factor of the experts' weights. */
  readonly expertScale: number;
  /** Factor of the scores before the softmax. */
  readonly scoreScale: number;
  readonly scoreSoftcap?: number;
  readonly logitSoftcap?: number;
  /** Of each layer: positions that it sees, or undefined for all. */
  readonly windows: readonly (number | undefined)[];
  /** Factors of embeddings, of what each block adds, and of the logits. */
  readonly embeddingScale: number;
  readonly residualScale: number;
  readonly logitScale: number;
}

/** Reads numbers under the architecture's prefix. */
function reader(metadata: Metadata, architecture: string, where: string) {
  const fail = (key: string, expected: string, found: unknown) =>
    new QuantizeError("bad-format", `${where}: key "${architecture}.${key}": expected ${expected}, found ${found}`);

  const number = (key: string, least: number, most: number, isWhole: boolean): number | undefined => {
    const entry = metadata.get(`${architecture}.${key}`);
    if (entry === undefined) return undefined;
    const value = entry.type === "array" ? NaN : Number(entry.value);
    const isFine = (isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)) && value >= least && value <= most;
    const found = entry.type === "array" ? "an array" : String(entry.value).slice(0, 40);
    if (!isFine) throw fail(key, `${isWhole ? "a whole number" : "a number"} of ${least} to ${most}`, found);
    return value;
  };

  return {
    fail,
    count: (key: string, most: number) => number(key, 0, most, true),
    real: (key: string, least = -1e30, most = 1e30) => number(key, least, most, false),
    needed(key: string, most: number): number {
      const value = number(key, 1, most, true);
      if (value === undefined) throw fail(key, `a whole number of 1 to ${most}`, "none");
      return value;
    },
    /** One number for all layers, or one each. */
    perLayer(key: string, layers: number, most: number): number[] | undefined {
      const entry = metadata.get(`${architecture}.${key}`);
      if (entry?.type !== "array") {
        const value = number(key, 1, most, true);
        return value === undefined ? undefined : new Array<number>(layers).fill(value);
      }
      const values = Array.from(entry.values, Number);
      if (
        values.length < layers ||
        !values.every((value) => Number.isSafeInteger(value) && value >= 0 && value <= most)
      )
        throw fail(key, `${layers} whole numbers of 0 to ${most}`, `${values.length} values`);
      return values.slice(0, layers);
    },
    flag(key: string): boolean | undefined {
      const entry = metadata.get(`${architecture}.${key}`);
      return entry?.type === "bool" ? Boolean(entry.value) : undefined;
    },
    flags(key: string): boolean[] | undefined {
      const entry = metadata.get(`${architecture}.${key}`);
      return entry?.type === "array" ? Array.from(entry.values, Boolean) : undefined;
    },
    text(key: string): string | undefined {
      const entry = metadata.get(`${architecture}.${key}`);
      return entry?.type === "string" ? String(entry.value) : undefined;
    },
  };
}

type Reader = ReturnType<typeof reader>;

function ropeOf(
  read: Reader,
  { isYarnUnscaled = false }: ArchitectureRules,
  keyLength: number,
  context: number,
): Hyperparameters["rope"] {
  const dimensions = read.count("rope.dimension_count", keyLength) ?? keyLength;
  if (dimensions % 2 !== 0) throw read.fail("rope.dimension_count", "an even number", dimensions);
  const base = read.real("rope.freq_base", 1e-3, 1e30) ?? 10_000;
  const kind = read.text("rope.scaling.type") ?? "linear";
  const factor = read.real("rope.scaling.factor", 0, 1e9) ?? read.real("rope.scale_linear", 0, 1e9) ?? 1;
  const attention = read.real("rope.scaling.attn_factor", 0, 1e9) ?? 1;
  if (!["none", "linear", "yarn", "longrope"].includes(kind)) {
    throw read.fail("rope.scaling.type", "none, linear, yarn or longrope", kind);
  }
  const scale = kind === "none" || factor === 0 ? 1 : 1 / factor;
  const rope = { dimensions, base, scale, magnitude: attention };
  if (kind !== "yarn") return rope;
  return {
    ...rope,
    // 0.1 ln(factor) + 1: the paper's temperature, as a length of the turned vectors.
    magnitude: attention * (factor > 1 && !isYarnUnscaled ? 0.1 * naturalLogarithm(factor) + 1 : 1),
    yarn: {
      originalContext: read.count("rope.scaling.original_context_length", MOST_POSITIONS) || context,
      betaFast: read.real("rope.scaling.yarn_beta_fast", 0, 1e6) ?? 32,
      betaSlow: read.real("rope.scaling.yarn_beta_slow", 0, 1e6) ?? 1,
    },
  };
}

/** Positions that each layer sees, undefined for all. */
function windowsOf(read: Reader, { windows }: ArchitectureRules, layers: number): (number | undefined)[] {
  const window = windows && read.count("attention.sliding_window", MOST_POSITIONS);
  const none = new Array<undefined>(layers).fill(undefined);
  if (windows === undefined || !window || (windows.layers ?? layers) !== layers) return none;
  const key = "attention.sliding_window_pattern";
  const listed = read.flags(key);
  if (listed !== undefined && listed.length < layers) throw read.fail(key, `${layers} flags`, listed.length);
  const period = listed === undefined ? (read.count(key, MOST_LAYERS) ?? windows.period) : 0;
  return none.map((_, layer) => ((listed?.[layer] ?? (layer + 1) % period !== 0) ? window : undefined));
}

const GATINGS: readonly (Routing["gating"] | undefined)[] = [undefined, "softmax", "sigmoid", "chosen"];

function routingOf(read: Reader, { routing }: ArchitectureRules): Routing {
  const gating = GATINGS[read.count("expert_gating_func", GATINGS.length - 1) ?? 0] ?? routing?.gating ?? "softmax";
  return { gating, isNormalised: read.flag("expert_weights_norm") ?? routing?.isNormalised ?? true };
}

/**
 * @throws QuantizeError `unsupported` for an architecture without a forward pass, `bad-format` for a number that is
 * missing or beyond any model's
 */
export function readHyperparameters({ metadata, path }: Pick<Model, "metadata" | "path">): Hyperparameters {
  const entry = metadata.get("general.architecture");
  const architecture = entry?.type === "string" ? String(entry.value) : "unknown";
  const rules = architectureRules(architecture);
  if (rules === undefined) {
    const known = knownArchitectures().join(", ");
    throw new QuantizeError(
      "unsupported",
      `${path}: the forward pass does not know the architecture "${architecture.slice(0, 80)}" (such files are converted, not evaluated), only ${known}`,
    );
  }
  const read = reader(metadata, architecture, path);
  const layers = read.needed("block_count", MOST_LAYERS);
  const width = read.needed("embedding_length", MOST_WIDTH);
  const heads = read.perLayer("attention.head_count", layers, MOST_HEADS);
  if (heads === undefined) throw read.fail("attention.head_count", "a number of heads", "none");
  const keyHeads = read.perLayer("attention.head_count_kv", layers, MOST_HEADS) ?? heads;
  for (const [layer, count] of heads.entries()) {
    const shared = keyHeads[layer]!;
    if (count === 0 || shared === 0 || count % shared !== 0)
      throw read.fail("attention.head_count_kv", `a divisor of the ${count} heads of layer ${layer}`, shared);
  }
  const keyLength = read.count("attention.key_length", MOST_WIDTH) ?? Math.floor(width / heads[0]!);
  if (keyLength < 1) throw read.fail("attention.key_length", "a head's length of at least 1", keyLength);
  const context = read.count("context_length", MOST_POSITIONS) || 2048;
  const epsilonKey = rules.norm === "layer" ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
  const epsilon = read.real(epsilonKey, 0, 1);
  if (epsilon === undefined) throw read.fail(epsilonKey, "a number of 0 to 1", "none");
  const expertCount = read.count("expert_count", MOST_EXPERTS) ?? 0;
  const logitScale = read.real("logit_scale");
  const scoreSoftcap = read.real("attn_logit_softcapping", 0);
  const logitSoftcap = read.real("final_logit_softcapping", 0);
  const rope = ropeOf(read, rules, keyLength, context);
  const windowedBase = rules.windows?.ropeBase === "same" ? rope.base : rules.windows?.ropeBase;
  const base = read.real("rope.freq_base_swa", 1e-3, 1e30) ?? windowedBase;
  const isByWidth = rules.scaledByWidth === layers;
  return {
    architecture,
    rules,
    layers,
    width,
    heads,
    keyHeads,
    keyLength,
    valueLength: read.count("attention.value_length", MOST_WIDTH) || keyLength,
    epsilon,
    context,
    rope,
    ...(rules.windows !== undefined &&
      base !== undefined && { windowedRope: { dimensions: rope.dimensions, base, scale: 1, magnitude: 1 } }),
    queryGrowth: read.real("attention.temperature_scale", 0, 1e6) ?? 0,
    originalContext: read.count("rope.scaling.original_context_length", MOST_POSITIONS) || context,
    expertsUsed: expertCount === 0 ? 0 : read.needed("expert_used_count", expertCount),
    routing: routingOf(read, rules),
    expertScale: read.real("expert_weights_scale", 0, 1e9) || 1,
    windows: windowsOf(read, rules, layers),
    scoreScale: read.real("attention.scale") || 1 / Math.sqrt(isByWidth ? width / heads[0]! : keyLength),
    embeddingScale: (rules.scalesEmbeddings ? Math.sqrt(width) : 1) * (read.real("embedding_scale") ?? 1),
    residualScale: read.real("residual_scale") || 1,
    logitScale:
      !logitScale || rules.logitScale === undefined ? 1 : rules.logitScale === "divided" ? 1 / logitScale : logitScale,
    ...(scoreSoftcap ? { scoreSoftcap } : {}),
    ...(logitSoftcap ? { logitSoftcap } : {}),
  };
}
