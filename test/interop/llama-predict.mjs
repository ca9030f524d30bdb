/**
 * Predictions of a GGUF model for token ids, in llama.cpp, as a child process.
 *
 *   node llama-predict.mjs '{"model": ..., "ids": [...]}'
 *
 * The last line of stdout is a list: the probability of each token, by its id, to come next.
 */
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const { model: modelPath, ids } = JSON.parse(process.argv[2]);
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  ...{ contextSize: 64, batchSize: 64, flashAttention: false },
  ...{ experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" },
});
const last = ids.length - 1;
const input = ids.map((id, i) => (i === last ? [id, { generateNext: { probabilities: true } }] : id));
const output = await context.getSequence().controlledEvaluate(input);
const probabilities = [...output[last].next.probabilities].sort(([a], [b]) => a - b).map(([, p]) => p);
process.stdout.write(`\n${JSON.stringify(probabilities)}\n`);
process.exit(0);
