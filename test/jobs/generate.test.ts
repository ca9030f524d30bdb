import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generateText } from "#dist/src/jobs/generate-text.js";
import { FABLE, temporaryFolder } from "../support/cli.js";
import { modelMetadata, writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const PROMPT = { input: FABLE, prompt: "Once upon a time", tokens: 12 };

describe("text", () => {
  test("comes piece by piece, and is the same from any number of threads", async () => {
    const pieces: string[] = [];
    const report = await generateText({ ...PROMPT, threads: 1, onText: (piece) => pieces.push(piece) });
    expect(report).toMatchObject({ tokens: 12, ending: "length", isResident: true, prompt: "Once upon a time" });
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join("")).toBe(report.text);
    expect((await generateText({ ...PROMPT, threads: 3 })).text).toBe(report.text);
  });

  test("depends on the seed, unless the most probable token is always taken", async () => {
    const of = async (options: object) => (await generateText({ ...PROMPT, ...options })).text;
    expect(await of({ seed: 1 })).not.toBe(await of({ seed: 2 }));
    expect(await of({ seed: 1, temperature: 0 })).toBe(await of({ seed: 2, temperature: 0 }));
  });

  test("ends where the context does", async () => {
    expect(await generateText({ ...PROMPT, context: 9 })).toMatchObject({ tokens: 5, ending: "context" });
  });
});

describe("a file with a chat template", () => {
  async function chat(options: object) {
    const path = join(temporaryFolder(), "chat.gguf");
    const shape = TINY_MODELS[0]!;
    const metadata = modelMetadata(shape);
    const body = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}";
    const value = `{{ bos_token }}${body}{% if add_generation_prompt %} w1{% endif %}`;
    metadata.set("tokenizer.chat_template", { type: "string", value });
    metadata.set("tokenizer.ggml.add_bos_token", { type: "bool", value: true });
    writeModel(path, shape, 1, metadata);
    return generateText({ input: path, prompt: "w2", tokens: 3, ...options });
  }

  test("is talked to in its words, with one token that begins the text", async () => {
    const { prompt, promptTokens } = await chat({});
    expect(prompt).toBe("<s>[user] w2 w1");
    const raw = await chat({ isRaw: true });
    expect(raw.prompt).toBe("w2");
    expect(promptTokens).toBeGreaterThan(raw.promptTokens);
  });
});

describe("choices that make no sense are refused", () => {
  test.each([
    [{ temperature: -1 }, /temperature of -1/],
    [{ topK: 1.5 }, /top-k of 1.5/],
    [{ topP: 0 }, /top-p of 0/],
    [{ seed: 2 ** 32 }, /seed of 4294967296/],
    [{ context: 3 }, /the prompt has 4 tokens, the context has room for 3/],
    [{ context: 2 ** 20 + 1 }, /expected 2 to 1048576/],
    [{ prompt: "" }, /the prompt is empty/],
  ])("%o", async (options, message) => {
    await expect(generateText({ ...PROMPT, ...options })).rejects.toMatchObject({ code: "usage", message });
  });
});
