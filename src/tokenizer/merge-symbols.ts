/**
 * Byte-pair merging: of all neighbouring symbols that may be merged, those that come first in the list of merges are,
 * the leftmost of equals, until no pair is left. With a heap of pairs, n log n for a word of n symbols.
 */

/** What may be merged. Symbols and merges are numbered from 0. */
export interface Merges {
  /** The merge of two neighbours, or -1. */
  find(left: number, right: number): number;
  /** Merges are done from the smallest order up; below 2^23. */
  orderOf(merge: number): number;
  /** The symbol that a merge makes. */
  resultOf(merge: number): number;
}

/** A heap's keys are `order * POSITIONS + position`, exact in a double. */
const POSITIONS = 2 ** 30;

/**
 * A function that merges the first `count` of `symbols` in place and returns how many are left. It keeps its working
 * memory from one call to the next.
 */
export function makeMerger(merges: Merges): (symbols: Int32Array, count: number) => number {
  let next = new Int32Array(0);
  let previous = new Int32Array(0);
  /** The merge of the symbol at a position with the one behind it, or -1. */
  let found = new Int32Array(0);
  const heap = makeHeap();

  const look = (symbols: Int32Array, position: number, count: number): void => {
    const neighbour = next[position]!;
    const merge = neighbour < count ? merges.find(symbols[position]!, symbols[neighbour]!) : -1;
    found[position] = merge;
    if (merge >= 0) heap.push(merges.orderOf(merge) * POSITIONS + position);
  };

  return (symbols, count) => {
    if (count > next.length) {
      next = new Int32Array(count * 2);
      previous = new Int32Array(count * 2);
      found = new Int32Array(count * 2);
    }
    for (let i = 0; i < count; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    for (let i = 0; i < count; i++) look(symbols, i, count);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const order = Math.floor(key / POSITIONS);
      const position = key - order * POSITIONS;
      const merge = found[position]!;
      // Of a symbol that has been merged since.
      if (merge < 0 || merges.orderOf(merge) !== order) continue;
      const absorbed = next[position]!;
      symbols[position] = merges.resultOf(merge);
      found[absorbed] = -1;
      next[position] = next[absorbed]!;
      if (next[position]! < count) previous[next[position]!] = position;
      if (previous[position]! >= 0) look(symbols, previous[position]!, count);
      look(symbols, position, count);
    }
    let kept = 0;
    for (let i = 0; i < count; i = next[i]!) symbols[kept++] = symbols[i]!;
    return kept;
  };
}

/** Numbers, of which `pop` gives the smallest. */
function makeHeap(): { push(key: number): void; pop(): number | undefined } {
  let keys = new Float64Array(256);
  let count = 0;
  return {
    push(key) {
      if (count === keys.length) {
        const larger = new Float64Array(count * 2);
        larger.set(keys);
        keys = larger;
      }
      let at = count++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (keys[parent]! <= key) break;
        keys[at] = keys[parent]!;
        at = parent;
      }
      keys[at] = key;
    },
    pop() {
      if (count === 0) return undefined;
      const smallest = keys[0]!;
      const last = keys[--count]!;
      let at = 0;
      for (let child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && keys[child + 1]! < keys[child]!) child++;
        if (keys[child]! >= last) break;
        keys[at] = keys[child]!;
        at = child;
      }
      keys[at] = last;
      return smallest;
    },
  };
}
