import { defineConfig } from "vitest/config";

// What needs gigabytes or minutes: files beyond 4 GiB, models larger than the memory bound, long random searches.
export default defineConfig({
  test: {
    include: ["test/**/*.slow.test.ts"],
    exclude: ["test/interop/**"],
    testTimeout: 900_000,
    fileParallelism: false,
  },
});
