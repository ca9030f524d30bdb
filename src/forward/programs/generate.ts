/**
 * Generation: one or many sequences go on from their prompts, token by token, all in step. Keys and values stay with the
 * thread that made them; weights stay in memory as far as there is room.
 */
import { QuantizeError } from "../../errors.ts";
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import type { HeadMemory, Tile } from "../numerics/numerics.ts";
import { headMemoryBytes } from "../numerics/wasm-numerics.ts";
import { makePass } from "../pass.ts";
import type { Sequence } from "../pass.types.ts";
import { sampleToken, uniform, type Sampling } from "../sampling.ts";
import type { Team } from "../team.ts";
import type { ProgramReport } from "./program.types.ts";

export interface GenerateSetup {
  readonly model: ProgramModel;
  /** Tokens of each sequence, prompt first: rows of `positions`, completed by the program. */
  readonly tokens: Int32Array;
  /** Tokens that a sequence can have. */
  readonly positions: number;
  /** Of every sequence's prompt, at least 1. */
  readonly promptLength: number;
  /** Receives how many tokens each sequence has in the end. */
  readonly lengths: Int32Array;
  readonly sampling: Sampling;
  /** Only tokens below this are drawn. */
  readonly tokenLimit: number;
  /** Number of the first sequence: the random numbers of a sequence depend on its number. */
  readonly firstSequence: number;
  /** A sequence ends with one of these. */
  readonly stopTokens: readonly number[];
  /** Rows of logits, one for each sequence. */
  readonly logits: Float32Array;
  /** Bytes of weights that each thread may keep. */
  readonly keptTileBytes: number;
}

/** What member 0 says after each step. */
export interface GenerateNote {
  /** The new token of each sequence. */
  readonly tokens: readonly number[];
  readonly position: number;
}

/** Bytes of keys and values that one member of a team keeps. */
export function keptHeadBytes(
  { hyper }: Pick<ProgramModel, "hyper">,
  sequences: number,
  positions: number,
  size: number,
): number {
  const each = headMemoryBytes(positions, hyper.keyLength, hyper.valueLength);
  return hyper.keyHeads.reduce((sum, heads) => sum + Math.ceil((heads * sequences) / size) * each, 0);
}

export function generate(
  setup: GenerateSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { model, tokens, positions, promptLength, lengths, sampling, tokenLimit, stopTokens, logits } = setup;
  const { hyper, weights, buffers } = model;
  const count = lengths.length;
  const keptBytes = keptHeadBytes(model, count, positions, team.size) + setup.keptTileBytes;
  const numerics = makeNumerics(module, numericsLimits([model], positions, keptBytes));
  // All at once, before tiles take what room is left.
  const memories = new Map<string, HeadMemory>();
  for (const [layer, heads] of hyper.keyHeads.entries()) {
    for (let part = team.rank; part < count * heads; part += team.size) {
      const memory = numerics.headMemory(positions, hyper.keyLength, hyper.valueLength);
      memories.set(`${layer}/${part % heads}/${Math.floor(part / heads)}`, memory);
    }
  }
  const headMemory = (layer: number, head: number, sequence: number): HeadMemory =>
    memories.get(`${layer}/${head}/${sequence}`)!;
  const keptTiles = setup.keptTileBytes > 0 ? new Map<string, Tile>() : undefined;
  const bench = { ...workbench(team, numerics, model), ...(keptTiles && { keptTiles }) };
  const pass = makePass({ bench, hyper, weights, buffers, positions, headMemory });

  /** Tokens `[from, to)` of every sequence through all layers; returns the last row of each. */
  const feed = (from: number, to: number): Uint32Array => {
    const length = to - from;
    const ids = new Int32Array(count * length);
    for (let s = 0; s < count; s++) ids.set(tokens.subarray(s * positions + from, s * positions + to), s * length);
    const sequences = Array.from({ length: count }, (_, s): Sequence => ({
      row: s * length,
      count: length,
      position: from,
    }));
    pass.embed(ids, sequences);
    for (let layer = 0; layer < hyper.layers; layer++) pass.layer(layer, sequences);
    return Uint32Array.from({ length: count }, (_, s) => (s + 1) * length - 1);
  };

  // Long prompts go through in pieces that the buffers hold.
  const piece = Math.max(1, Math.floor(buffers.rows / count));
  let last: Uint32Array = new Uint32Array(0);
  for (let start = 0; start < promptLength; start += piece) last = feed(start, Math.min(promptLength, start + piece));

  for (let at = promptLength; at < positions; at++) {
    pass.logits(last, logits);
    team.each(count, (s) => {
      const row = logits.subarray(s * weights.vocabulary, s * weights.vocabulary + tokenLimit);
      const token = sampleToken(row, sampling, uniform(sampling.seed, setup.firstSequence + s, at));
      if (!Number.isFinite(row[token]!)) {
        throw new QuantizeError("bad-data", `${model.path}: position ${at}: the logits are not finite`);
      }
      tokens[s * positions + at] = token;
      if (lengths[s] === at && !stopTokens.includes(token)) lengths[s] = at + 1;
    });
    const isOver = lengths.every((length) => length <= at);
    if (team.rank === 0) {
      const fresh = Array.from({ length: count }, (_, s) => tokens[s * positions + at]!);
      report({ tokens: fresh, position: at } satisfies GenerateNote);
    }
    // Nobody may write the next tokens before all have read these.
    team.once(() => {});
    if (isOver || at + 1 === positions) return;
    last = feed(at, at + 1);
  }
}
