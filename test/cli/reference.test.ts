import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliReference, withReference } from "#dist/bin/cli-reference.js";
import { ROOT } from "../support/cli.js";

test("docs/cli.md holds the help that the program prints (npm run docs:cli)", async () => {
  const page = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
  expect(page).toBe(withReference(page, await cliReference()));
});
