/** A conversation as the text that a model was trained on: the file's template, a program in Jinja. */
import { Template } from "@huggingface/jinja";
import { QuantizeError } from "../errors.ts";
import type { Metadata } from "../read/model.ts";
import { printable, truncateEnd } from "../text/printable.ts";
import { stringOf, stringsOf, tokenIdOf } from "./metadata-values.ts";

const KEY = "tokenizer.chat_template";

/** Characters of a template's own words in a message. */
const MAX_MESSAGE = 200;

/** True when the file has a chat template. */
export function hasChatTemplate(metadata: Metadata): boolean {
  return metadata.has(KEY);
}

export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

export interface ChatOptions {
  /** Ends with what begins an answer. */
  readonly addGenerationPrompt: boolean;
  /** The file, for messages. */
  readonly where: string;
}

/**
 * Renders a conversation. The text holds control tokens written out, the begin of text among them with most templates:
 * encode it with `parseSpecial`, and with `addSpecial` only if it does not begin with that token.
 * @throws QuantizeError `unsupported` for a file without a template or with one that the interpreter does not know,
 * `bad-data` when the template refuses these messages
 */
export function renderChat(
  metadata: Metadata,
  messages: readonly ChatMessage[],
  { addGenerationPrompt, where }: ChatOptions,
): string {
  const source = stringOf(metadata, KEY, where);
  if (source === undefined) throw new QuantizeError("unsupported", `${where}: the file has no chat template`);
  const failed = (code: "unsupported" | "bad-data", what: string, error: unknown): QuantizeError => {
    const message = error instanceof Error ? error.message : String(error);
    const line = truncateEnd(printable(message), MAX_MESSAGE);
    return new QuantizeError(code, `${where}: key "${KEY}": ${what}: ${line}`, { cause: error });
  };
  let template: Template;
  try {
    template = new Template(source);
  } catch (error) {
    throw failed("unsupported", "not a template that can be read", error);
  }
  const variables = {
    messages,
    add_generation_prompt: addGenerationPrompt,
    bos_token: specialText(metadata, "bos", where),
    eos_token: specialText(metadata, "eos", where),
  };
  try {
    return template.render(variables);
  } catch (error) {
    throw failed("bad-data", "the template does not take this conversation", error);
  }
}

/** The text of a token with a task, or nothing where no key names one. */
function specialText(metadata: Metadata, name: string, where: string): string {
  const key = `tokenizer.ggml.${name}_token_id`;
  if (!metadata.has(key)) return "";
  const texts = stringsOf(metadata, "tokenizer.ggml.tokens", where);
  return texts[tokenIdOf(metadata, key, texts.length, where)!]!;
}
