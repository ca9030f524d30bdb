#!/usr/bin/env node
/** The command line. Everything it does is a function of `src/index.ts`; here are only words, options and exit codes. */
import { writeSync } from "node:fs";

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) {
  // What scripts ask first and most: nothing else is loaded, not even Node's console.
  const { toolVersion } = await import("../src/text/version.ts");
  writeSync(1, `${toolVersion()}\n`);
} else {
  const { run } = await import("./run.ts");
  process.exitCode = await run(args);
}
