// Must not compile: test/library.test.ts.
import { quantize } from "gguf-quantize";

await quantize({ input: "a.gguf", output: "b.gguf", scheme: 4 });
