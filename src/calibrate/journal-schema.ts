/** What the lines of a calibration's journal must look like. */
import { z } from "zod";
import type { StepRecord } from "../rounding/journal.types.ts";

const hash = z.string().regex(/^[0-9a-f]{16}$/);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const begin = z.object({
  kind: z.literal("begin"),
  /** Facts that must be the same to go on, by what people call them. */
  identity: z.record(z.string(), z.string()),
  /** Of the file of tokens, where there is one. */
  tokenHash: hash.optional(),
});
/** What plain rounding loses on windows that were held back. */
const plain = z.object({ kind: z.literal("plain"), value: z.number(), error: z.number() });
const step = z.object({
  kind: z.literal("step"),
  step: count,
  codeBytes: count,
  codeHash: hash,
  stateHash: hash.optional(),
  tensors: z.array(z.object({ name: z.string(), stats: z.array(z.number()), levels: z.array(z.base64()).optional() })),
}) satisfies z.ZodType<StepRecord>;

export const journalLineSchema = z.discriminatedUnion("kind", [begin, plain, step]);
export type JournalLine = z.infer<typeof journalLineSchema>;
