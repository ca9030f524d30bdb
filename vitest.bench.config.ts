import { defineConfig } from "vitest/config";

// Benchmarks print tables and assert nothing: npx vitest run --config vitest.bench.config.ts [name]
export default defineConfig({ test: { include: ["test/bench/**/*.ts"], testTimeout: 600_000 } });
