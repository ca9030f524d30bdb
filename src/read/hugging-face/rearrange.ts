/**
 * How the axes of a tensor are to be arranged, in a line that shows both sides:
 *
 *   (heads half pair) ... -> (heads pair half) ...      rows in another order
 *   expert (half row) column -> expert row column       one of two halves, picked with `take`
 *   in out -> out in                                    a transposed matrix
 *   channel one tap -> channel tap                      an axis of one element goes
 *
 * On the left every axis of the tensor has a name, or several in parentheses that it is split into, the slowest first;
 * `...` stands for the axes that are left. On the right stand the axes of the result. Sizes are numbers in the line
 * (`half=2`) or come from the config; one of each group follows from the others.
 */
import { cutAxis, orderAxes, splitAxis, viewLength } from "../view.ts";
import type { View } from "../stored-array.types.ts";
import type { Config } from "./config.ts";

/** An arrangement as data. */
export interface Arrangement {
  /** Only these elements of the outermost axis, before anything else; without a count, all from one on. */
  readonly rows?: (config: Config) => readonly [from: number, count?: number];
  readonly axes: string;
  /** Sizes by name. */
  readonly sizes?: (config: Config) => Readonly<Record<string, number>>;
  /** Of an axis only one element (by its number, the axis is gone then), or so many from one on. */
  readonly take?: (config: Config) => Readonly<Record<string, number | readonly [from: number, count: number]>>;
}

/** Elements of a tensor, and the counts of its dimensions, outermost first: each is one or several axes of the view. */
export interface Shaped {
  readonly view: View;
  readonly dimensions: readonly number[];
}

interface Pattern {
  readonly left: readonly (readonly string[])[];
  readonly right: readonly (readonly string[])[];
  readonly sizes: Readonly<Record<string, number>>;
}

const REST = "...";

const parsed = new Map<string, Pattern>();

function parse(axes: string): Pattern {
  const known = parsed.get(axes);
  if (known !== undefined) return known;
  const sizes: Record<string, number> = {};
  const [left, right] = axes.split("->").map((side) =>
    [...side.matchAll(/\(([^)]*)\)|(\S+)/g)].map(([, group, single]) =>
      (group ?? single!).split(/\s+/).map((token) => {
        const [name, size] = token.split("=");
        if (size !== undefined) sizes[name!] = Number(size);
        return name!;
      }),
    ),
  );
  const pattern = { left: left!, right: right!, sizes };
  parsed.set(axes, pattern);
  return pattern;
}

/**
 * Arranges a tensor.
 * @param whole an axis for each dimension
 * @throws RangeError in people's words when the tensor's shape does not suit
 */
export function rearrange(whole: View, arrangement: Arrangement, config: Config): Shaped {
  const view = arrangement.rows === undefined ? whole : cutRows(whole, ...arrangement.rows(config));
  const pattern = parse(arrangement.axes);
  const sizes = { ...pattern.sizes, ...arrangement.sizes?.(config) };
  const rest = pattern.left.findIndex(([name]) => name === REST);
  const named = rest < 0 ? pattern.left : pattern.left.slice(0, rest);
  if (rest < 0 ? named.length !== view.axes.length : named.length > view.axes.length) {
    const found = view.axes.map(({ count }) => count).join(", ");
    throw new RangeError(`expected ${named.length} dimensions, found [${found}]`);
  }
  let current = view;
  const names: string[] = [];
  for (const group of named) {
    const { count } = current.axes[names.length]!;
    current = splitAxis(current, names.length, groupCounts(group, count, sizes));
    names.push(...group);
  }
  const others = current.axes.slice(names.length).map((_, index) => `${REST}${index}`);
  names.push(...others);
  for (const [name, taken] of Object.entries(arrangement.take?.(config) ?? {})) {
    const [from, count] = typeof taken === "number" ? [taken, 1] : taken;
    current = cutAxis(current, names.indexOf(name), from, count);
  }
  const groups = pattern.right.flatMap((group) => (group[0] === REST ? others.map((name) => [name]) : [group]));
  const result = orderAxes(
    current,
    groups.flat().map((name) => names.indexOf(name)),
  );
  if (viewLength(result) !== viewLength(current)) throw new RangeError(`"${arrangement.axes}" leaves out an axis`);
  let next = 0;
  const dimensions = groups.map((group) => group.reduce((product) => product * result.axes[next++]!.count, 1));
  return { view: result, dimensions };
}

function cutRows(view: View, from: number, count?: number): View {
  return cutAxis(view, 0, from, count ?? (view.axes[0]?.count ?? 0) - from);
}

/** The counts of a group whose axis has `total`; the one that is not known follows. */
function groupCounts(group: readonly string[], total: number, sizes: Readonly<Record<string, number>>): number[] {
  const known = group.flatMap((name) => (sizes[name] === undefined ? [] : [`${sizes[name]} ${name}`]));
  const product = group.reduce((value, name) => value * (sizes[name] ?? 1), 1);
  const isOpen = known.length < group.length;
  if (total % product !== 0 || (!isOpen && total !== product)) {
    throw new RangeError(`${total} do not divide into ${known.join(" x ")}`);
  }
  return group.map((name) => sizes[name] ?? total / product);
}
