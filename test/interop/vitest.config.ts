import { defineConfig } from "vitest/config";

// The peer and the judge: ggml and llama.cpp as shared libraries. Needs `npm run interop:install` once, x86-64 Linux.
export default defineConfig({
  test: { include: ["test/interop/**/*.test.ts"], testTimeout: 900_000, fileParallelism: false },
});
