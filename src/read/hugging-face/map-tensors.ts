/** From the tensors of a Hugging Face checkpoint to llama.cpp's: names, order of numbers, nothing missing, nothing left. */
import { findFormat } from "../../../codecs/registry.ts";
import { QuantizeError } from "../../errors.ts";
import { quote } from "../../text/quote.ts";
import type { Tensor } from "../model.ts";
import type { Part } from "../stored-array.types.ts";
import { isContiguous, simplifyView } from "../view.ts";
import type { Architecture, TensorRule } from "./architectures/architecture.types.ts";
import { arrayExtents } from "./array-extents.ts";
import { expertCount, flagOf, layerCount, type Config } from "./config.ts";
import { rearrange, type Shaped } from "./rearrange.ts";
import type { SourceTensor } from "./source-tensors.ts";

/** Endings that names keep: of weights, biases, and the scales of tensors that are stored in 4-bit floats. */
const ENDINGS = [".weight", ".bias", ".scale", ".input_scale"];

/** Numbers in names, as they are written: `01` is no layer. */
const NUMBER = /(?<=\.)(0|[1-9]\d{0,5})(?=\.|$)/g;

/** What the names are to be mapped with. */
interface Context {
  readonly config: Config;
  readonly architecture: Architecture;
  readonly rules: readonly TensorRule[];
  /** Layers of the model, and with those behind them that are kept. */
  readonly layers: number;
  readonly allLayers: number;
}

/** A tensor on its way: its parts, and the counts of its dimensions, outermost first, in elements. */
interface Mapped {
  readonly name: string;
  readonly codec: string;
  readonly parts: readonly Part[];
  readonly dimensions: readonly number[];
  /** The first source, for error messages. */
  readonly place: string;
}

/** What a source tensor becomes by one rule. */
interface Placed extends Mapped {
  readonly rule: TensorRule;
  readonly layer: number | undefined;
  readonly member: number | undefined;
}

/**
 * Maps all tensors. Members of a stack become one tensor, in the order of their numbers.
 * @throws QuantizeError `unsupported` naming a tensor that the architecture does not have, `bad-format` naming one
 * that is missing or does not fit the config
 */
export function mapTensors(sources: readonly SourceTensor[], architecture: Architecture, config: Config): Tensor[] {
  const { tensors } = architecture;
  const layers = layerCount(config);
  const rules = typeof tensors === "function" ? tensors(config) : tensors;
  const context: Context = { config, architecture, rules, layers, allLayers: layers + config.layersBehind };
  const find = ruleFinder(rules);
  const stacks = new Map<string, Placed[]>();
  for (const source of sources) {
    for (const placed of place(context, source, find)) {
      const others = stacks.get(placed.name);
      if (others === undefined) stacks.set(placed.name, [placed]);
      else others.push(placed);
    }
  }
  checkComplete(context, stacks);
  return [...stacks.values()].map((stack) =>
    toTensor(stack[0]!.member === undefined ? single(stack) : stacked(context, stack)),
  );
}

/** A rule with the numbers that a name has in its places. */
interface Match {
  readonly rule: TensorRule;
  readonly ending: string;
  readonly layer: number | undefined;
  readonly member: number | undefined;
}

/** Looks up the rules for a name: by the name with its numbers left out. */
function ruleFinder(rules: readonly TensorRule[]): (name: string) => Match[] {
  const byStem = new Map<string, TensorRule[]>();
  for (const rule of rules) {
    const stem = rule.from.replace(/\{e?\}/g, "#");
    byStem.set(stem, [...(byStem.get(stem) ?? []), rule]);
  }
  return (name) => {
    const numbers = (name.match(NUMBER) ?? []).map(Number);
    const whole = name.replace(NUMBER, "#");
    const ending = ENDINGS.find((candidate) => whole.endsWith(candidate)) ?? "";
    const lookUp = (stem: string) => byStem.get(stem) ?? byStem.get(`model.${stem}`);
    const exact = lookUp(whole);
    const matching = exact ?? (ending === "" ? [] : (lookUp(whole.slice(0, -ending.length)) ?? []));
    return matching.map((rule): Match => {
      const places: readonly string[] = rule.from.match(/\{e?\}/g) ?? [];
      const at = (kind: string) => (places.includes(kind) ? numbers[places.indexOf(kind)] : undefined);
      return { rule, ending: exact === undefined ? ending : "", layer: at("{}"), member: at("{e}") };
    });
  };
}

function place(context: Context, source: SourceTensor, find: (name: string) => Match[]): Placed[] {
  const { config, architecture, allLayers } = context;
  const matches = find(source.name);
  if (matches.length === 0) {
    const name = typeof architecture.gguf === "string" ? architecture.gguf : architecture.gguf(config);
    throw new QuantizeError("unsupported", `${source.place}: not known in the architecture "${name}"`);
  }
  return matches.flatMap(({ rule, ending, layer, member }) => {
    // A tied head is no tensor of its own: where a file has one, transformers replaces it by the embeddings.
    if (rule.to === "output" && flagOf(config, "tie_word_embeddings") === true) return [];
    if (layer !== undefined && layer >= allLayers) {
      throw new QuantizeError("bad-format", `${source.place}: the config has ${allLayers} layers`);
    }
    const name = rule.to.replace("{}", String(layer ?? "")) + (isWholeName(rule) ? "" : ending);
    return [{ ...arranged(context, source, rule, ending, name), rule, layer, member }];
  });
}

/** One source tensor as its rule wants it. */
function arranged({ config }: Context, source: SourceTensor, rule: TensorRule, ending: string, name: string): Mapped {
  const { codec, array, view, place } = source;
  const format = findFormat(codec);
  if (format === undefined || /^i\d+$/.test(codec)) {
    throw new QuantizeError("unsupported", `${place}: expected weights, found integers (${codec}) without scales`);
  }
  // Scales are one number for all of the tensor.
  const isScale = ending.endsWith("scale");
  const whole: Shaped = { view, dimensions: view.axes.map(({ count }) => count) };
  const pieces =
    isScale || rule.pieces === undefined ? [whole] : rule.pieces.map((piece) => arrange(source, piece, config));
  const dimensions = pieces.map((piece) => piece.dimensions).reduce((before, next) => joined(place, before, next));
  const numbers = pieces.map((piece): Part => ({ array, ...simplifyView(piece.view) }));
  if (rule.map === undefined || isScale) return { name, codec, parts: numbers, dimensions, place };
  if (array.kind !== "plain") {
    throw new QuantizeError("unsupported", `${place}: expected floats, found ${array.kind} numbers`);
  }
  const map = { kind: "mapped", numbers: { extent: array.extent, codec }, map: rule.map } as const;
  return { name, codec: "f32", parts: numbers.map((part) => ({ ...part, array: map })), dimensions, place };
}

function arrange(
  { view, place }: SourceTensor,
  piece: NonNullable<TensorRule["pieces"]>[number],
  config: Config,
): Shaped {
  try {
    return rearrange(view, piece, config);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new QuantizeError("bad-format", `${place}: ${cause.message}`, { cause });
  }
}

/** Dimensions of two pieces, one behind the other. */
function joined(place: string, before: readonly number[], next: readonly number[]): number[] {
  if (before.length === next.length && before.slice(1).join() === next.slice(1).join()) {
    return [before[0]! + next[0]!, ...before.slice(1)];
  }
  throw new QuantizeError(
    "bad-format",
    `${place}: pieces of [${before.join(", ")}] and [${next.join(", ")}] do not fit`,
  );
}

/** A tensor that comes from one source. */
function single(stack: readonly Placed[]): Mapped {
  const [first, second] = stack;
  if (second === undefined) return first!;
  throw new QuantizeError("bad-format", `${second.place}: ${quote(second.name)} is made of ${first!.place} already`);
}

/** Members of a stack as one tensor with one more dimension; of single numbers, as a list of them. */
function stacked({ config }: Context, stack: readonly Placed[]): Mapped {
  const members = stack.toSorted((a, b) => a.member! - b.member!);
  const [first] = members as [Placed, ...Placed[]];
  const count = memberCount(first.rule, config);
  for (const [index, { place, member, codec, dimensions }] of members.entries()) {
    if (member! >= count) throw new QuantizeError("bad-format", `${place}: the config has ${count} experts`);
    if (member === members[index - 1]?.member) throw new QuantizeError("bad-format", `${place}: it is there twice`);
    if (codec !== first.codec || dimensions.join() !== first.dimensions.join()) {
      const describe = (of: Mapped) => `${of.codec} of ${of.dimensions.toReversed().join(" x ")}`;
      const found = `expected ${describe(first)} as the other experts, found ${describe(members[index]!)}`;
      throw new QuantizeError("bad-format", `${place}: ${found}`);
    }
  }
  const inner = first.dimensions.length === 1 && first.dimensions[0] === 1 ? [] : first.dimensions;
  return { ...first, parts: members.flatMap(({ parts }) => parts), dimensions: [members.length, ...inner] };
}

function memberCount(rule: TensorRule, config: Config): number {
  return rule.members?.(config) ?? expertCount(config);
}

/** The tensor as the rest of the program sees it; elements that lie in order are just bytes. */
function toTensor({ name, codec, parts, dimensions, place }: Mapped): Tensor {
  const { blockSize } = findFormat(codec)!;
  const [innermost = 1, ...outer] = dimensions.toReversed();
  const shape = [innermost * blockSize, ...outer];
  if (shape.length > 4) {
    throw new QuantizeError("unsupported", `${place}: ${shape.length} dimensions, GGUF has at most 4`);
  }
  const extents = parts.flatMap(({ array }) => arrayExtents(array));
  const tensor = { name, shape, codec, layout: "rows", extents };
  const isPlain = parts.every((part) => part.array.kind === "plain" && isWhole(part));
  return isPlain ? tensor : { ...tensor, parts };
}

/** True for a part that is all of its array, in order. */
function isWhole(part: Part): boolean {
  const { array, start, axes } = part;
  if (array.kind !== "plain" || start !== 0 || !isContiguous(part)) return false;
  const count = axes.reduce((product, axis) => product * axis.count, 1);
  return count * array.elementBytes === array.extent.byteLength;
}

/** Every target is there: in each layer that has it, with all members of its stack. */
function checkComplete(context: Context, stacks: ReadonlyMap<string, readonly Placed[]>): void {
  const { rules, config, layers } = context;
  const optional = new Set(rules.filter((rule) => rule.optional === true).map(targetOf));
  const seen = new Set<string>();
  for (const rule of rules) {
    const { from } = rule;
    const target = targetOf(rule);
    if (seen.has(target) || optional.has(target)) continue;
    seen.add(target);
    const count = from.includes("{}") ? layers : 1;
    for (let layer = 0; layer < count; layer++) {
      if (rule.layers !== undefined && !rule.layers(layer, config)) continue;
      const placed = stacks.get(target.replace("{}", String(layer)));
      const member = placed === undefined ? 0 : firstMissing(placed, context);
      if (member === undefined) continue;
      const missing = (placed?.[0]!.rule ?? rule).from.replace("{}", String(layer)).replace("{e}", String(member));
      const full = isWholeName(rule) ? missing : `${missing}.weight`;
      throw new QuantizeError("bad-format", `${config.where}: tensor ${quote(full)} is missing`);
    }
  }
}

/** The name of what must be there by a rule, but for the layer's number. */
function targetOf(rule: TensorRule): string {
  return rule.to + (isWholeName(rule) ? "" : ".weight");
}

/** True for a rule whose names are all of the tensors' names. */
function isWholeName({ from, to, whole }: TensorRule): boolean {
  return whole === true || ENDINGS.some((ending) => from.endsWith(ending) || to.endsWith(ending));
}

/** The first member that a stack lacks, undefined when it has them all or is none. */
function firstMissing(placed: readonly Placed[], { config }: Context): number | undefined {
  const { rule, member } = placed[0]!;
  if (member === undefined) return undefined;
  const there = new Set(placed.map((one) => one.member));
  const count = memberCount(rule, config);
  for (let index = 0; index < count; index++) if (!there.has(index)) return index;
  return undefined;
}
