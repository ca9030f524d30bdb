/**
 * Perplexity, mean KL divergence and greedy text of a GGUF model in llama.cpp, as a child process.
 *
 *   node llama-evaluate.mjs '{"model": ..., "text": "file.txt", "reference": "f16.gguf", "windows": 5, "prompt": "Once"}'
 *
 * Windows of 128 tokens, scored as llama-perplexity does: the tokens behind the first 65. The last line of stdout is
 * `{ perplexity, klDivergence, greedy }`.
 */
import { readFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const WINDOW = 128;
const { model: modelPath, text, reference, windows = 5, prompt } = JSON.parse(process.argv[2]);
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });

const model = await llama.loadModel({ modelPath });
const tokens = model.tokenize(readFileSync(text, "utf8")).slice(0, windows * WINDOW);
const scored = await predictions(model, tokens);

let klDivergence = NaN;
if (reference !== undefined) {
  const other = await llama.loadModel({ modelPath: reference });
  klDivergence = meanDivergence(await predictions(other, tokens), scored);
  await other.dispose();
}
const perplexity = Math.exp(-mean(scored.map(({ token, probabilities }) => Math.log(probabilities.get(token)))));
const greedy = prompt === undefined ? "" : await continueGreedily(model, prompt, 40);
process.stdout.write(`\n${JSON.stringify({ perplexity, klDivergence, greedy })}\n`);
process.exit(0);

/** For each scored position: the true token and the model's distribution over all tokens. */
async function predictions(model, tokens) {
  const context = await model.createContext({ contextSize: WINDOW, batchSize: WINDOW });
  const sequence = context.getSequence();
  const found = [];
  for (let start = 0; start + WINDOW <= tokens.length; start += WINDOW) {
    await sequence.clearHistory();
    const input = tokens
      .slice(start, start + WINDOW - 1)
      .map((token, i) => (i >= WINDOW / 2 ? [token, { generateNext: { probabilities: true } }] : token));
    const output = await sequence.controlledEvaluate(input);
    for (let i = WINDOW / 2; i < WINDOW - 1; i++) {
      found.push({ token: tokens[start + i + 1], probabilities: output[i].next.probabilities });
    }
  }
  await context.dispose();
  return found;
}

function meanDivergence(reference, scored) {
  return mean(
    reference.map(({ probabilities: p }, i) => {
      const q = scored[i].probabilities;
      let sum = 0;
      for (const [token, pt] of p) if (pt > 0) sum += pt * Math.log(pt / q.get(token));
      return sum;
    }),
  );
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function continueGreedily(model, prompt, count) {
  const context = await model.createContext({ contextSize: WINDOW });
  const sequence = context.getSequence();
  const out = [];
  for await (const token of sequence.evaluate(model.tokenize(prompt), { temperature: 0 })) {
    out.push(token);
    if (out.length === count) break;
  }
  return model.detokenize(out);
}
