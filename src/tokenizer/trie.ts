/** A tree of sequences of small numbers (bytes, UTF-16 units), each with a value. */
import { makePairTable } from "./pair-table.ts";

export interface Trie {
  /** Adds a sequence; a later one replaces an equal one. */
  add(key: ArrayLike<number>, value: number): void;
  /** The node that a unit leads to, or -1. The root is node 0. */
  child(node: number, unit: number): number;
  /** The value of the sequence that ends at a node, or -1. */
  valueOf(node: number): number;
}

/** A trie of `expected` sequences, which may be more. */
export function makeTrie(expected: number): Trie {
  const edges = makePairTable(expected * 2);
  const values: number[] = [-1];
  return {
    add(key, value) {
      let node = 0;
      for (let i = 0; i < key.length; i++) {
        let child = edges.find(node, key[i]!);
        if (child < 0) {
          child = values.push(-1) - 1;
          edges.add(node, key[i]!, child);
        }
        node = child;
      }
      values[node] = value;
    },
    child: edges.find,
    valueOf: (node) => values[node]!,
  };
}
