/**
 * What every run starts with, the program and its worker threads, as few files instead of eighty: finding and linking
 * many small modules took longer than converting a small model. The other files of dist/ stay as tsc made them.
 */
import { build } from "rolldown";

// Zod is taken in: it is a hundred modules, of which a manifest needs a fifth, and every run reads one.
const common = { external: (id) => !/^[./]/.test(id) && id !== "zod", platform: "node" };
const output = { dir: "dist", sourcemap: true, entryFileNames: "[name].js" };

// A group takes along what its files import: the version alone, then what parses arguments, then what starts threads,
// then the main job. What only other commands need is split as their lazy imports say.
const groups = [
  { name: "version", test: /src\/text\/version\.ts$/, priority: 3 },
  { name: "arguments", test: /bin\/(run|commands\/quantize)\.ts$/, priority: 2 },
  { name: "engine", test: /src\/engine\/start-engine\.ts$/, priority: 1 },
  { name: "convert", test: /(bin\/(convert|plan-request|side-files)|src\/jobs\/convert-model)\.ts$/, priority: 0 },
];

await build([
  {
    ...common,
    input: { "bin/quantize": "bin/quantize.ts" },
    // As deep as src/engine: what is looked for beside a module (package.json, wasm, worker) is found from both.
    output: { ...output, chunkFileNames: "src/chunks/[name].js", codeSplitting: { groups } },
  },
  // Threads start a fifth faster when they need no loader of modules.
  {
    ...common,
    input: { "src/engine/worker": "src/engine/worker/worker.ts" },
    output: { ...output, format: "cjs", entryFileNames: "[name].cjs" },
  },
]);
