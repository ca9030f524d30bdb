import { defineConfig } from "vitest/config";

// Benchmarks print tables and assert nothing: npm run bench [name]
export default defineConfig({
  test: { include: ["test/bench/**/*.ts"], exclude: ["**/vitest.config.ts"], testTimeout: 600_000 },
});
