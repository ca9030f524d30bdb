/** Lets a model go on with a text, token by token: for trying a file. */
import { announce, type RunOptions } from "../engine/run-options.ts";
import { withEngine, type Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import { planGeneration } from "../evaluate/plan-generation.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { runGeneration } from "../evaluate/run-generation.ts";
import { MOST_CONTEXT } from "../evaluate/windows.ts";
import type { Arithmetic } from "../forward/projections.ts";
import type { Sampling } from "../forward/sampling.ts";
import { openModel } from "../open/open-model.ts";
import { makeTokenizer } from "../tokenizer/make-tokenizer.ts";
import { hasChatTemplate, renderChat } from "../tokenizer/render-chat.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.types.ts";

const DEFAULT_TOKENS = 256;
/** As llama.cpp's programs sample when nobody says otherwise. */
const DEFAULT_SAMPLING = { temperature: 0.8, topK: 40, topP: 0.95, seed: 0 } as const;

export interface GenerationOptions extends RunOptions, Partial<Sampling> {
  readonly input: string;
  readonly prompt: string;
  /** The prompt is the beginning of a text, whether or not the file has a chat template. Default: a user's message. */
  readonly isRaw?: boolean;
  /** New tokens at most, default 256. */
  readonly tokens?: number;
  /** Tokens that prompt and answer may have together. Default: what the model was made for. */
  readonly context?: number;
  /** As in `EvaluationChoices`. Default `kernels`. */
  readonly arithmetic?: Arithmetic;
  /** Called with each piece of text as it comes. */
  readonly onText?: (text: string) => void;
}

/** The result of `generateText`. */
export interface GenerationReport {
  readonly input: string;
  /** What went into the model, with the template's words. */
  readonly prompt: string;
  readonly promptTokens: number;
  readonly text: string;
  readonly tokens: number;
  /** `end`: the model ended its text; `length`: as many tokens as were asked for; `context`: no room for more. */
  readonly ending: "end" | "length" | "context";
  readonly sampling: Sampling;
  /** Until the first token was there, and from the first to the last. */
  readonly promptSeconds: number;
  readonly generationSeconds: number;
  /** Of the tokens after the first; absent when there are none. */
  readonly tokensPerSecond?: number;
  /** True when all weights stayed in memory. */
  readonly isResident: boolean;
  readonly threads: number;
  readonly plannedMemory: number;
}

/**
 * Goes on with a prompt. The same options give the same text, on any machine.
 * @throws QuantizeError `usage` (sampling out of range, a prompt without tokens or longer than the context),
 * `unsupported` (no vocabulary, an unknown architecture, a template that cannot be read), `bad-data`, `no-room`
 */
export async function generateText(options: GenerationOptions): Promise<GenerationReport> {
  return withEngine(options, (engine) => generate(options, engine));
}

async function generate(options: GenerationOptions, engine: Engine): Promise<GenerationReport> {
  announce(options, "open");
  const { input, arithmetic = "kernels", tokens: wanted = DEFAULT_TOKENS } = options;
  const sampling = checkSampling(options);
  const model = prepareModel(await openModel(input));
  const tokenizer = makeTokenizer(model.model.metadata, input);
  const { prompt, ids, isChat } = promptOf(model, tokenizer, options);
  const context = contextOf(model, options, ids.length);
  const positions = Math.min(context, ids.length + wanted);
  const shape = { sequences: 1, positions, promptLength: ids.length };
  const plan = planGeneration(model, shape, { ...options, threads: engine.pool.threads, arithmetic });
  await engine.pool.shrink(plan.threads);

  const stops = tokenizer.endOfGeneration;
  const decoder = tokenizer.decoder({ continues: !isChat });
  const pieces: string[] = [];
  const say = (text: string): void => {
    if (text === "") return;
    pieces.push(text);
    options.onText?.(text);
  };
  const start = performance.now();
  let [first, last] = [start, start];
  const [sequence] = await runGeneration(
    {
      model,
      arithmetic,
      prompts: ids,
      promptLength: ids.length,
      positions,
      tokenLimit: Math.min(tokenizer.vocabularySize, model.weights.vocabulary),
      sampling,
      firstSequence: 0,
      stopTokens: [...stops],
    },
    plan,
    options,
    engine,
    ({ tokens: [token], position }) => {
      last = performance.now();
      if (position === ids.length) first = last;
      if (!stops.has(token!)) say(decoder.push(token!));
    },
  );
  say(decoder.end());
  const tokens = sequence!.length - ids.length;
  const generationSeconds = (last - first) / 1000;
  return {
    input,
    prompt,
    promptTokens: ids.length,
    text: pieces.join(""),
    tokens,
    ending: sequence!.length < positions ? "end" : tokens === wanted ? "length" : "context",
    sampling,
    promptSeconds: (first - start) / 1000,
    generationSeconds,
    ...(tokens > 1 && { tokensPerSecond: (tokens - 1) / generationSeconds }),
    isResident: plan.isResident,
    threads: plan.threads,
    plannedMemory: plan.peakBytes,
  };
}

function checkSampling(options: Partial<Sampling>): Sampling {
  const sampling = {
    temperature: options.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: options.topK ?? DEFAULT_SAMPLING.topK,
    topP: options.topP ?? DEFAULT_SAMPLING.topP,
    seed: options.seed ?? DEFAULT_SAMPLING.seed,
  };
  const { temperature, topK, topP, seed } = sampling;
  const isWhole = (value: number, below: number): boolean => Number.isInteger(value) && value >= 0 && value < below;
  const checks: readonly (readonly [isFine: boolean, what: string])[] = [
    [temperature >= 0 && temperature < Infinity, `a temperature of ${temperature}, expected a number of at least 0`],
    [isWhole(topK, 2 ** 31), `top-k of ${topK}, expected a whole number, 0 for all`],
    [topP > 0 && topP <= 1, `top-p of ${topP}, expected a number above 0 and at most 1`],
    [isWhole(seed, 2 ** 32), `a seed of ${seed}, expected a whole number below 2^32`],
  ];
  const wrong = checks.find(([isFine]) => !isFine);
  if (wrong !== undefined) throw new QuantizeError("usage", wrong[1]);
  return sampling;
}

/** The prompt as text and tokens: in the words of the file's template, or as it is. */
function promptOf(
  { model }: PreparedModel,
  tokenizer: Tokenizer,
  { prompt, isRaw = false }: GenerationOptions,
): { readonly prompt: string; readonly ids: Int32Array; readonly isChat: boolean } {
  const isChat = !isRaw && hasChatTemplate(model.metadata);
  const messages = [{ role: "user", content: prompt }];
  const text = isChat ? renderChat(model.metadata, messages, { addGenerationPrompt: true, where: model.path }) : prompt;
  const { bos } = tokenizer;
  // Most templates write the token that begins a text themselves.
  const beginsText = isChat && bos !== undefined && text.startsWith(tokenizer.token(bos).text);
  const whole = tokenizer.encode(text, { addSpecial: !beginsText, parseSpecial: true });
  // What ends a text would end it here.
  const ids = tokenizer.addsEos && whole.at(-1) === tokenizer.eos ? whole.subarray(0, -1) : whole;
  if (ids.length === 0)
    throw new QuantizeError("usage", "the prompt is empty, and the model adds no token to begin with");
  return { prompt: text, ids, isChat };
}

function contextOf({ hyper }: PreparedModel, options: GenerationOptions, promptLength: number): number {
  const { context = Math.min(hyper.context, MOST_CONTEXT) } = options;
  if (!(context >= 2 && context <= MOST_CONTEXT)) {
    throw new QuantizeError("usage", `a context of ${context} tokens, expected 2 to ${MOST_CONTEXT}`);
  }
  if (promptLength < context) return context;
  throw new QuantizeError("usage", `the prompt has ${promptLength} tokens, the context has room for ${context}`);
}
