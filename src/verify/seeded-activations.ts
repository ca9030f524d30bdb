/**
 * The activations that kernels are checked with: always the same ones for a row length, so that two reports can be
 * compared. Uniform numbers from a linear congruential generator, four at a time added up to something bell-shaped,
 * with an outlier of ten times the usual size every 61 columns, as hidden states of language models have them.
 */

const OUTLIER_STEP = 61;
const OUTLIER_SCALE = 10;

/** One row of `rowLength` activations, standard deviation about 1 without the outliers. */
export function seededActivations(rowLength: number): Float32Array {
  let state = 0x9e3779b9;
  const uniform = (): number => {
    // Constants of Numerical Recipes' quick generator; the high bits are the good ones.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: rowLength }, (_, column) => {
    const value = (uniform() + uniform() + uniform() + uniform()) * Math.sqrt(3);
    return column % OUTLIER_STEP === OUTLIER_STEP - 1 ? value * OUTLIER_SCALE : value;
  });
}
