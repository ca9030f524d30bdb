/**
 * What a manifest must look like. Zod takes its time to load: `parseManifest` imports this file when there is a
 * manifest to read.
 */
import { z } from "zod";
import { MODEL_FORMATS } from "../read/model.ts";
import { MANIFEST_VERSION } from "./manifest-keys.ts";

const name = z.string().min(1).max(256);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
/** 64 bits. */
const hash = z.string().regex(/^[0-9a-f]{16}$/);
const record = z.record(z.string(), z.unknown());

/** How near a tensor came to the original. */
const qualitySchema = z.object({ nmse: z.number(), cosine: z.number(), kernelError: z.number().optional() });

const tensorSchema = z.object({
  name,
  codec: name,
  layout: name,
  /** Logical shape, innermost first. */
  shape: z.array(positive).min(1).max(4),
  bytes: positive,
  /** Of the written bytes. */
  hash,
  /** Of the bytes read. */
  sourceHash: hash.optional(),
  /** Of the learned tables and levels, for codebook formats; absent in manifests of earlier versions. */
  codebookHash: hash.optional(),
  /** Learned tables per slice, for codebook formats. */
  tables: positive.max(256).optional(),
  quality: qualitySchema.optional(),
  /** Of calibrated tensors: error of the outputs over their size, on the calibration's tokens. */
  outputError: z.number().optional(),
  /** Why this codec. */
  reason: z.string().optional(),
});

const estimate = z.object({ value: z.number(), error: z.number() });

/** What the model as a whole lost, on a text. */
const evaluationSchema = z.object({
  /** The file's name, and the SHA-256 of its bytes. */
  text: z.string(),
  textHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Tokens of a window, windows, scored tokens. */
  context: positive,
  windows: positive,
  scored: positive,
  arithmetic: z.enum(["kernels", "float"]),
  perplexity: estimate,
  /** Of the source. */
  basePerplexity: estimate,
  /** Kullback-Leibler divergence from the source: mean with its error, 99th percentile, maximum. */
  divergence: estimate.extend({ percent99: z.number(), maximum: z.number() }),
  /** Share of tokens for which both find the same one most probable. */
  sameTop: estimate,
});

/** How codes were chosen against what the model computes. */
const calibrationSchema = z.object({
  /** A text file's name, or `self`: text that the model wrote, with that seed. */
  text: z.string(),
  textHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  seed: count.optional(),
  /** Tokens of a window, and in all. */
  context: positive,
  tokens: positive,
  method: z.string(),
  /** Wider matrices were cut into parts that were rounded by themselves, for want of memory. */
  mostColumns: positive.optional(),
  /** Divergence from the source on windows that were held back: of plain rounding, and of this file. */
  plainDivergence: estimate,
  divergence: estimate,
});

export const manifestSchema = z.object({
  format: z.literal(MANIFEST_VERSION),
  tool: z.object({ name, version: name }),
  source: z.object({
    format: z.enum(MODEL_FORMATS),
    files: z.array(z.object({ name: z.string(), bytes: count })),
    /** Over all tensors' source hashes, in input order. */
    hash: hash.optional(),
  }),
  /** The recipe: enough to repeat the conversion. Its shape is the recipe reader's business. */
  recipe: record.optional(),
  /** Further facts of the caller, kept as they are. */
  provenance: record.optional(),
  /** Where codes were calibrated. */
  calibration: calibrationSchema.optional(),
  /** Where the conversion was evaluated. */
  evaluation: evaluationSchema.optional(),
  tensors: z.array(tensorSchema),
});

export type Manifest = z.infer<typeof manifestSchema>;
/** What a conversion may state beside its tensors. */
export type ManifestFacts = Omit<Manifest, "format" | "tool" | "source" | "recipe" | "tensors">;
export type ManifestTensor = z.infer<typeof tensorSchema>;
