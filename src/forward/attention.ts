/** The attention half of a layer: queries, keys and values, rotary positions, every head's look at what came before. */
import { QuantizeError } from "../errors.ts";
import { elementCount } from "../read/model.ts";
import type { ActivationRows, ScoreRule } from "./numerics/numerics.ts";
import { LARGEST_ANGLE, naturalLogarithm } from "./numerics/elementary.ts";
import { ropeFrequencies, ropeTable, turnHeads, type RopeParameters } from "./numerics/rope.ts";
import type { PassContext, PassSteps, Sequence } from "./pass.types.ts";
import { multiplyAll } from "./projections.ts";
import { ROWS_PER_PART, type RowSteps } from "./row-steps.ts";
import { storedMatrices, type LayerWeights, type Norm } from "./weights.ts";

const { fround } = Math;

/**
 * @returns adds a layer's attention to the states of some sequences, `rows` rows in all; what it returns is the normed
 * input, for layers whose feed-forward half reads the same
 */
export function makeAttention(context: PassContext, steps: RowSteps) {
  const { bench, hyper, weights, buffers } = context;
  const { team } = bench;
  const { vectorOf, normed, projected, statesOf, normStates, addProjected } = steps;
  const isLong = context.positions > hyper.originalContext;
  const ropeFactors = weights.ropeFactors?.[isLong ? "long" : "short"];
  /** Of layers with a window, and of the others. */
  const kept: { windowed?: Angles; others?: Angles } = {};

  /** Angles of all positions of these sequences, kept until others are asked for. */
  const anglesFor = (isWindowed: boolean, sequences: readonly Sequence[]): Angles => {
    const kind = isWindowed && hyper.windowedRope !== undefined ? "windowed" : "others";
    const first = Math.min(...sequences.map(({ position }) => position));
    const end = Math.max(...sequences.map(({ position, count }) => position + count));
    const known = kept[kind];
    if (known !== undefined && first >= known.first && end <= known.first + known.count) return known;
    const factors = ropeFactors && vectorOf(ropeFactors);
    const parameters = { ...(kind === "windowed" ? hyper.windowedRope! : hyper.rope), ...(factors && { factors }) };
    checkAngles(parameters, end - 1, bench.files[0]!.path);
    const angles = { first, count: end - first, table: ropeTable(parameters, first, end - first) };
    kept[kind] = angles;
    return angles;
  };

  /** A norm of each head, or of the whole row. */
  const normHeads = (norm: Norm | undefined, row: Float32Array): void => {
    if (norm === undefined) return;
    const { shape } = norm.weight;
    const length = shape.length > 1 ? shape[0]! : elementCount(shape);
    for (let at = 0; at < row.length; at += length) {
      const head = row.subarray(at, at + length);
      normed(norm, head, head, elementCount(shape) > length ? at : 0);
    }
  };

  const hasWindows = hyper.windows.some((window) => window !== undefined);
  const isTurned = (layer: number): boolean => {
    const { ropeLayers } = hyper.rules;
    if (ropeLayers === undefined) return true;
    if (ropeLayers === "windowed") return hyper.windows[layer] !== undefined || !hasWindows;
    return (layer + 1) % ropeLayers.butEvery !== 0;
  };

  /** Queries grow with the logarithm of their position, where the model wants that. */
  const scaleByPosition = (query: Float32Array, position: number): void => {
    if (hyper.queryGrowth === 0) return;
    const spans = Math.floor(position / hyper.originalContext);
    const scale = fround(naturalLogarithm(spans + 1) * hyper.queryGrowth + 1);
    for (let i = 0; i < query.length; i++) query[i] = fround(query[i]! * scale);
  };

  /** Norms and rotary positions of queries and keys. */
  const prepareHeads = (index: number, layer: LayerWeights, sequences: readonly Sequence[]): void => {
    const { keyLength, rules, rope } = hyper;
    const { rope: pairs, normsTurned = false } = rules;
    const isWindowed = hyper.windows[index] !== undefined;
    const angles = pairs !== undefined && isTurned(index) ? anglesFor(isWindowed, sequences) : undefined;
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
          if (!normsTurned) normHeads(norm, row);
          if (angles !== undefined) {
            const at = (position + n - angles.first) * rope.dimensions;
            turnHeads(row, keyLength, pairs!, angles.table.subarray(at, at + rope.dimensions), rope.dimensions);
          }
          if (normsTurned) normHeads(norm, row);
          if (data === buffers.queries) scaleByPosition(row, position + n);
        }
      }
    });
  };

  const scoreRule = (layer: number): ScoreRule => {
    const { scoreScale: scale, scoreSoftcap: softcap, windows } = hyper;
    const window = windows[layer];
    return { scale, ...(softcap !== undefined && { softcap }), ...(window !== undefined && { window }) };
  };

  /** Attention of every query head: a part is a sequence and a key/value head. */
  const attend = (index: number, layer: LayerWeights, sequences: readonly Sequence[]): void => {
    const { keyLength, valueLength } = hyper;
    const [heads, keyHeads] = [hyper.heads[index]!, hyper.keyHeads[index]!];
    const group = heads / keyHeads;
    const rule = scoreRule(index);
    const sinks = layer.sinks && vectorOf(layer.sinks);
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
          sinks?.[head],
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
    const matrices = storedMatrices([layer.query, layer.key, layer.value]);
    const input = normStates(layer.attentionNorm, rows, matrices);
    const normedRows = input.floats.subarray(0, rows * hyper.width);
    yield { matrices, activations: input, rows, kept: [statesOf(rows), normedRows] };
    multiplyAll(bench, [
      projected(layer.query, input, rows, buffers.queries),
      projected(layer.key, input, rows, buffers.keys),
      projected(layer.value, input, rows, buffers.values),
    ]);
    prepareHeads(index, layer, sequences);
    attend(index, layer, sequences);
    const read = hyper.rules.isParallel ? [normedRows] : [];
    yield* addProjected(layer.attentionOutput, buffers.attended, rows, layer.postAttentionNorm, read);
    return input;
  };
}

/** Angles of some positions, in a table. */
interface Angles {
  readonly first: number;
  readonly count: number;
  readonly table: Float32Array;
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
