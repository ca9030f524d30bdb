/** How much is checked of what was written. */

/** Nothing, the decoded weights, or the weights and the kernels' products too. */
export const VERIFY_LEVELS = ["off", "weights", "kernels"] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

/** Levels of a comparison, which checks in any case. */
export const COMPARISON_LEVELS = ["weights", "kernels"] as const satisfies readonly VerifyLevel[];
export type ComparisonLevel = (typeof COMPARISON_LEVELS)[number];
