/** What to do with a tensor whose shape does not suit the wanted type or layout. */
export const INCOMPATIBLE_POLICIES = [
  /** Stop, before anything is written. */
  "error",
  /** Take the nearest type that fits, and rows instead of a packed layout; reported. */
  "fallback",
  /** Leave the tensor as it is stored; reported. */
  "keep",
] as const;

export type IncompatiblePolicy = (typeof INCOMPATIBLE_POLICIES)[number];
