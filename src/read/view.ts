/** Arithmetic on views: reshaping, cutting and reordering axes without touching a number. */
import type { Axis, View } from "./stored-array.types.ts";

/** All elements of an array of that shape (outermost first), in their order. */
export function viewOf(shape: readonly number[]): View {
  let stride = 1;
  const axes = shape.toReversed().map((count): Axis => {
    const axis = { count, stride };
    stride *= count;
    return axis;
  });
  return { start: 0, axes: axes.reverse() };
}

/** Elements that a view shows. */
export function viewLength({ axes }: View): number {
  return axes.reduce((product, { count }) => product * count, 1);
}

/** Elements `from` to `from + count` of one axis. @throws RangeError when it does not have them */
export function cutAxis({ start, axes }: View, index: number, from: number, count: number): View {
  const axis = axes[index];
  if (axis === undefined || from < 0 || count < 1 || from + count > axis.count) {
    throw new RangeError(`elements ${from} to ${from + count} of an axis of ${axis?.count ?? 0}`);
  }
  return { start: start + from * axis.stride, axes: axes.with(index, { ...axis, count }) };
}

/** One axis as several, the first the slowest. @throws RangeError when their counts do not multiply to its own */
export function splitAxis({ start, axes }: View, index: number, counts: readonly number[]): View {
  const axis = axes[index];
  const product = counts.reduce((a, b) => a * b, 1);
  if (axis === undefined || product !== axis.count) {
    throw new RangeError(`an axis of ${axis?.count ?? 0} into ${counts.join(" x ")}`);
  }
  let stride = axis.stride;
  const parts = counts.toReversed().map((count): Axis => {
    const part = { count, stride };
    stride *= count;
    return part;
  });
  return { start, axes: axes.toSpliced(index, 1, ...parts.reverse()) };
}

/** The axes of those numbers, in that order. */
export function orderAxes({ start, axes }: View, order: readonly number[]): View {
  return { start, axes: order.map((index) => axes[index]!) };
}

/** The same view with as few axes as say it: neighbours that run on into each other become one. */
export function simplifyView({ start, axes }: View): View {
  const simple: Axis[] = [];
  for (const axis of axes) {
    if (axis.count === 1) continue;
    const before = simple.at(-1);
    if (before !== undefined && before.stride === axis.count * axis.stride) {
      simple[simple.length - 1] = { count: before.count * axis.count, stride: axis.stride };
    } else simple.push(axis);
  }
  return { start, axes: simple.length === 0 ? [{ count: 1, stride: 1 }] : simple };
}

/** True when a view shows neighbours in their order. */
export function isContiguous(view: View): boolean {
  const { axes } = simplifyView(view);
  return axes.length === 1 && axes[0]!.stride === 1;
}

/** Axes of a view that make a box: strides in the array and, row-major, in what is read. */
export interface BoxAxis extends Axis {
  readonly outStride: number;
}

/** A box: elements of an array at all combinations of its axes, and where the first of them is to go. */
export interface Box {
  readonly start: number;
  readonly out: number;
  readonly axes: readonly BoxAxis[];
}

/**
 * Cuts a run of a view's elements into boxes: a run begins and ends within rows of every level, so there are at most
 * two for each axis.
 * @param from the first element, and `to` the one behind the last, counted through the view
 */
export function boxesOf({ start, axes }: View, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  const visit = (level: number, origin: number, first: number, end: number, out: number): void => {
    const axis = axes[level]!;
    const inner = axes.slice(level + 1).reduce((product, { count }) => product * count, 1);
    const [low, high] = [Math.ceil(first / inner), Math.floor(end / inner)];
    if (low > high) {
      // Within one element of this axis.
      visit(level + 1, origin + high * axis.stride, first - high * inner, end - high * inner, out);
      return;
    }
    if (first < low * inner) {
      const at = low - 1;
      visit(level + 1, origin + at * axis.stride, first - at * inner, inner, out);
    }
    if (low < high) {
      const whole = [{ ...axis, count: high - low }, ...axes.slice(level + 1)];
      boxes.push(boxAt(origin + low * axis.stride, out + low * inner - first, whole));
    }
    if (high * inner < end) {
      visit(level + 1, origin + high * axis.stride, 0, end - high * inner, out + high * inner - first);
    }
  };
  if (from < to) visit(0, start, from, to, 0);
  return boxes;
}

/** A box, its axes from the widest stride in the array to the narrowest: the order in which files are read. */
function boxAt(start: number, out: number, axes: readonly Axis[]): Box {
  const { axes: outAxes } = viewOf(axes.map(({ count }) => count));
  const both = axes.map((axis, index): BoxAxis => ({ ...axis, outStride: outAxes[index]!.stride }));
  return { start, out, axes: both.filter(({ count }) => count > 1).sort((a, b) => b.stride - a.stride) };
}
