import { defineConfig } from "vitest/config";

// The quick suite: every change, under three minutes on two cores. Tests import what ships (#dist/...), so build first.
export default defineConfig({
  test: { include: ["test/**/*.test.ts"], exclude: ["test/**/*.slow.test.ts", "test/interop/**"], testTimeout: 30_000 },
});
