/**
 * A hash table from two small whole numbers to one: the merges of a vocabulary, or the edges of a tree. Three typed
 * arrays with open addressing, since a `Map` would want an object for each of half a million keys.
 */

export interface PairTable {
  /** The value of the pair, or -1. */
  find(first: number, second: number): number;
  /** Adds a pair that the table does not hold. All three are at least 0. */
  add(first: number, second: number, value: number): void;
}

/** @param expected pairs to make room for; there may be more */
export function makePairTable(expected: number): PairTable {
  let size = 64;
  while (size < expected * 2) size *= 2;
  let firsts = new Int32Array(size).fill(-1);
  let seconds = new Int32Array(size);
  let values = new Int32Array(size);
  let count = 0;

  /** Where the pair is, or the free slot where it would be. */
  const slotOf = (first: number, second: number): number => {
    const hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    let slot = (hash ^ (hash >>> 15)) & (size - 1);
    while (firsts[slot] !== -1 && (firsts[slot] !== first || seconds[slot] !== second)) slot = (slot + 1) & (size - 1);
    return slot;
  };

  const grow = (): void => {
    const old = { firsts, seconds, values };
    size *= 2;
    firsts = new Int32Array(size).fill(-1);
    seconds = new Int32Array(size);
    values = new Int32Array(size);
    count = 0;
    old.firsts.forEach((first, i) => first !== -1 && add(first, old.seconds[i]!, old.values[i]!));
  };

  const add = (first: number, second: number, value: number): void => {
    if (++count * 2 > size) {
      grow();
      count++;
    }
    const slot = slotOf(first, second);
    firsts[slot] = first;
    seconds[slot] = second;
    values[slot] = value;
  };

  return {
    find(first, second) {
      const slot = slotOf(first, second);
      return firsts[slot] === -1 ? -1 : values[slot]!;
    },
    add,
  };
}
