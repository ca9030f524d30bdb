/** The attention half of a layer: queries, keys and values, rotary positions, every head's look at what came before. */
import { QuantizeError } from "../errors.ts";
import { elementCount } from "../read/model.ts";
import type { ActivationRows, ScoreRule } from "./numerics/numerics.ts";
import { LARGEST_ANGLE } from "./numerics/elementary.ts";
import { ropeFrequencies, ropeTable, turnHeads, type RopeParameters } from "./numerics/rope.ts";
import type { PassContext, PassSteps, Sequence } from "./pass.types.ts";
import { multiplyAll } from "./projections.ts";
import { ROWS_PER_PART, type RowSteps } from "./row-steps.ts";
import type { LayerWeights, Norm } from "./weights.ts";

/**
 * @returns adds a layer's attention to the states of some sequences, `rows` rows in all; what it returns is the normed
 * input, for layers whose feed-forward half reads the same
 */
export function makeAttention(context: PassContext, steps: RowSteps) {
  const { bench, hyper, weights, buffers } = context;
  const { team } = bench;
  const { vectorOf, normed, projected, normStates, addProjected } = steps;
  let ropeAngles: { first: number; count: number; table: Float32Array } | undefined;

  /** Angles of all positions of these sequences, kept until others are asked for. */
  const anglesFor = (sequences: readonly Sequence[]) => {
    const first = Math.min(...sequences.map(({ position }) => position));
    const end = Math.max(...sequences.map(({ position, count }) => position + count));
    if (ropeAngles === undefined || first < ropeAngles.first || end > ropeAngles.first + ropeAngles.count) {
      const factors = weights.ropeFactors && vectorOf(weights.ropeFactors);
      const parameters = { ...hyper.rope, ...(factors && { factors }) };
      checkAngles(parameters, end - 1, bench.files[0]!.path);
      ropeAngles = { first, count: end - first, table: ropeTable(parameters, first, end - first) };
    }
    return ropeAngles;
  };

  /** A norm of each head, or of the whole row. */
  const normHeads = (norm: Norm | undefined, row: Float32Array): void => {
    if (norm === undefined) return;
    const length = elementCount(norm.weight.shape);
    for (let at = 0; at < row.length; at += length) {
      const head = row.subarray(at, at + length);
      normed(norm, head, head);
    }
  };

  /** Norms and rotary positions of queries and keys. */
  const prepareHeads = (layer: LayerWeights, sequences: readonly Sequence[]): void => {
    const { keyLength, rules, rope } = hyper;
    const angles = rules.rope && anglesFor(sequences);
    const places = sequences.flatMap(({ row, count, position }) =>
      Array.from({ length: Math.ceil(count / ROWS_PER_PART) }, (_, part) => {
        const from = part * ROWS_PER_PART;
        return { row: row + from, count: Math.min(ROWS_PER_PART, count - from), position: position + from };
      }),
    );
    team.each(places.length, (part) => {
      const { row: first, count, position } = places[part]!;
      for (let n = 0; n < count; n++) {
        for (const [data, projection, norm] of [
          [buffers.queries, layer.query, layer.queryNorm],
          [buffers.keys, layer.key, layer.keyNorm],
        ] as const) {
          const length = projection.matrix.rows;
          const row = data.subarray((first + n) * length, (first + n + 1) * length);
          normHeads(norm, row);
          if (angles === undefined) continue;
          const at = (position + n - angles.first) * rope.dimensions;
          turnHeads(row, keyLength, rules.rope!, angles.table.subarray(at, at + rope.dimensions), rope.dimensions);
        }
      }
    });
  };

  const scoreRule = (layer: number): ScoreRule => {
    const { scoreScale: scale, scoreSoftcap: softcap, slidingWindow: window, rules } = hyper;
    const every = rules.fullAttentionEvery;
    const isWindowed = window !== undefined && every !== undefined && (layer + 1) % every !== 0;
    return { scale, ...(softcap !== undefined && { softcap }), ...(isWindowed && { window }) };
  };

  /** Attention of every query head: a part is a sequence and a key/value head. */
  const attend = (index: number, sequences: readonly Sequence[]): void => {
    const { keyLength, valueLength } = hyper;
    const [heads, keyHeads] = [hyper.heads[index]!, hyper.keyHeads[index]!];
    const group = heads / keyHeads;
    const rule = scoreRule(index);
    const work = (part: number): void => {
      const sequence = Math.floor(part / keyHeads);
      const keyHead = part % keyHeads;
      const { row, count, position } = sequences[sequence]!;
      const memory = context.headMemory(index, keyHead, sequence);
      const keysAt = row * keyHeads * keyLength + keyHead * keyLength;
      const valuesAt = row * keyHeads * valueLength + keyHead * valueLength;
      memory.append(
        buffers.keys,
        keysAt,
        keyHeads * keyLength,
        buffers.values,
        valuesAt,
        keyHeads * valueLength,
        count,
      );
      for (let head = keyHead * group; head < (keyHead + 1) * group; head++) {
        const from = row * heads * keyLength + head * keyLength;
        const to = row * heads * valueLength + head * valueLength;
        memory.attend(
          buffers.queries,
          from,
          heads * keyLength,
          count,
          position,
          rule,
          undefined,
          buffers.attended,
          to,
          heads * valueLength,
        );
      }
    };
    // The same member for the same head, where it keeps the head's keys and values from step to step.
    team.own(sequences.length * keyHeads, work);
  };

  return function* (
    index: number,
    layer: LayerWeights,
    sequences: readonly Sequence[],
    rows: number,
  ): PassSteps<ActivationRows> {
    const matrices = [layer.query.matrix, layer.key.matrix, layer.value.matrix];
    const input = normStates(layer.attentionNorm, rows, matrices);
    yield { matrices, activations: input, rows };
    multiplyAll(bench, [
      projected(layer.query, input, rows, buffers.queries),
      projected(layer.key, input, rows, buffers.keys),
      projected(layer.value, input, rows, buffers.values),
    ]);
    prepareHeads(layer, sequences);
    attend(index, sequences);
    yield* addProjected(layer.attentionOutput, buffers.attended, rows, layer.postAttentionNorm);
    return input;
  };
}

/** Scales and factors come from the file: with hostile ones angles grow beyond what sine and cosine are exact for. */
function checkAngles(parameters: RopeParameters, position: number, path: string): void {
  const largest = ropeFrequencies(parameters).reduce((most, f) => Math.max(most, Math.abs(f)), 0) * position;
  if (largest <= LARGEST_ANGLE) return;
  throw new QuantizeError(
    "unsupported",
    `${path}: rotary positions: position ${position} turns by ${largest} radians, expected at most ${LARGEST_ANGLE} ` +
      `(keys *.rope.*, tensor rope_freqs.weight)`,
  );
}
