import { expect, test } from "vitest";
import { renderChat } from "#dist/src/tokenizer/render-chat.js";
import type { Metadata } from "#dist/src/read/model.js";
import { vocabulary } from "../support/vocabularies.ts";

const CHATML =
  "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{{ eos_token }}{% endfor %}" +
  "{% if add_generation_prompt %}<|assistant|>{% endif %}";

function withTemplate(template: string): Metadata {
  const base = vocabulary({ model: "gpt2", tokens: ["<s>", "</s>", "a"], bos_token_id: 0, eos_token_id: 1 });
  return new Map([...base, ["tokenizer.chat_template", { type: "string", value: template }]]);
}

const MESSAGES = [
  { role: "system", content: "Be brief." },
  { role: "user", content: " Hi! " },
];
const OPTIONS = { addGenerationPrompt: true, where: "x.gguf" } as const;

test("the file's template writes the conversation, with its tokens for begin and end", () => {
  const text = "<s><|system|>Be brief.</s><|user|>Hi!</s>";
  expect(renderChat(withTemplate(CHATML), MESSAGES, OPTIONS)).toBe(`${text}<|assistant|>`);
  expect(renderChat(withTemplate(CHATML), MESSAGES, { ...OPTIONS, addGenerationPrompt: false })).toBe(text);
});

test("a token that no key names is nothing", () => {
  const metadata = withTemplate(CHATML);
  metadata.delete("tokenizer.ggml.bos_token_id");
  expect(renderChat(metadata, [], OPTIONS)).toBe("<|assistant|>");
});

test.each([
  ["no template", undefined, "unsupported", /^x\.gguf: the file has no chat template$/],
  ["one that is no Jinja", "{% for %}", "unsupported", /^x\.gguf: key "tokenizer.chat_template": not a template .*$/],
  [
    "one that refuses",
    "{{ raise_exception('roles\nmust alternate') }}",
    "bad-data",
    /^x\.gguf: key "tokenizer.chat_template": the template does not take this conversation: roles\\nmust alternate$/,
  ],
  ["one that calls what is not there", "{{ nothing.at(all) }}", "bad-data", /^x\.gguf: key .*: [^\n]*$/],
])("%s: one line", (_, template, code, message) => {
  const metadata = withTemplate(template ?? "");
  if (template === undefined) metadata.delete("tokenizer.chat_template");
  expect(() => renderChat(metadata, MESSAGES, OPTIONS)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
