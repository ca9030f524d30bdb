/**
 * The activations that kernels are checked with: always the same ones for a row length, so that two reports can be
 * compared. Uniform numbers from a linear congruential generator, four at a time added up to something bell-shaped,
 * with an outlier of ten times the usual size every 61 columns, as hidden states of language models have them.
 */

const OUTLIER_STEP = 61;
const OUTLIER_SCALE = 10;

/** Rows made so far: a model has few row lengths. */
const made = new Map<number, Float32Array>();

/** One row of `rowLength` activations, standard deviation about 1 without the outliers. Not to be written to. */
export function seededActivations(rowLength: number): Float32Array {
  const known = made.get(rowLength);
  if (known !== undefined) return known;
  let state = 0x9e3779b9;
  const uniform = (): number => {
    // Constants of Numerical Recipes' quick generator; the high bits are the good ones.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const row = new Float32Array(rowLength);
  for (let column = 0; column < rowLength; column++) {
    const value = (uniform() + uniform() + uniform() + uniform()) * Math.sqrt(3);
    row[column] = column % OUTLIER_STEP === OUTLIER_STEP - 1 ? value * OUTLIER_SCALE : value;
  }
  made.set(rowLength, row);
  return row;
}
