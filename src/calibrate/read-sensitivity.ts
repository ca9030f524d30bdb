/** Sensitivities from a file. */
import { basename } from "node:path";
import { z } from "zod";
import { QuantizeError } from "../errors.ts";
import { readWholeFile } from "../read/input-file.ts";
import { reasonOf } from "../read/json-text.ts";
import type { Model } from "../read/model.ts";
import { SENSITIVITY_VERSION, type Sensitivity } from "./sensitivity.types.ts";

/** A file of a model with a million tensors would be smaller. */
const MAX_BYTES = 2 ** 28;

const name = z.string().min(1).max(256);
const positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const measured = z.number().min(0);

const schema = z.object({
  format: z.literal(SENSITIVITY_VERSION),
  files: z.array(z.object({ name: z.string(), bytes: positive })),
  text: z.string(),
  textHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  seed: z.number().int().optional(),
  context: positive,
  tokens: positive,
  reference: name,
  candidates: z.array(name).min(1).max(64),
  tensors: z.array(
    z.object({
      name,
      shape: z.array(positive).min(1).max(4),
      divergence: measured,
      types: z.record(name, z.object({ codec: name, bytes: positive, nmse: measured })),
    }),
  ),
});

/**
 * Reads what `quantize sensitivity` has written, for that model.
 * @throws QuantizeError `bad-format`, `io`, `incompatible` when it is of another model
 */
export function readSensitivity(path: string, model: Model): Sensitivity {
  const text = new TextDecoder().decode(readWholeFile(path, MAX_BYTES));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new QuantizeError("bad-format", `${path}: expected JSON: ${reasonOf(cause)}`, { cause });
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new QuantizeError("bad-format", `${path}: ${issue.path.join(".") || "root"}: ${issue.message}`);
  }
  requireWhole(path, result.data as Sensitivity);
  requireModel(path, result.data as Sensitivity, model);
  return result.data as Sensitivity;
}

/** What a mix looks up must be there. */
function requireWhole(path: string, { reference, candidates, tensors }: Sensitivity): void {
  const fail = (where: string, type: string) =>
    new QuantizeError("bad-format", `${path}: ${where}: expected what was measured in ${type}, found nothing`);
  if (!candidates.includes(reference)) throw fail("reference", reference);
  for (const { name: tensor, types } of tensors) {
    for (const type of candidates) if (types[type] === undefined) throw fail(`tensor ${tensor}`, type);
  }
}

function requireModel(path: string, { files, tensors }: Sensitivity, model: Model): void {
  const fail = (what: string) => new QuantizeError("incompatible", `${path}: measured on another model: ${what}`);
  const own = model.files.map((file) => `${basename(file.path)} of ${file.byteLength} bytes`);
  const measuredFiles = files.map((file) => `${file.name} of ${file.bytes} bytes`);
  if (own.join() !== measuredFiles.join()) throw fail(`expected ${own.join(", ")}, found ${measuredFiles.join(", ")}`);
  const shapes = new Map(model.tensors.map((tensor) => [tensor.name, tensor.shape.join(" x ")]));
  for (const { name: tensor, shape } of tensors) {
    const found = shape.join(" x ");
    if (shapes.get(tensor) !== found)
      throw fail(`tensor ${tensor}: expected ${shapes.get(tensor) ?? "none"}, found ${found}`);
  }
}
