#!/usr/bin/env node
/** The command line. Everything it does is a function of `src/index.ts`; here are only words, options and exit codes. */
const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) {
  // What scripts ask first and most: nothing else is loaded.
  const { toolVersion } = await import("../src/engine/tool-version.ts");
  console.log(toolVersion());
} else {
  const { run } = await import("./run.ts");
  process.exitCode = await run(args);
}
