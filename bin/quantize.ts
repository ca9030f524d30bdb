#!/usr/bin/env node
/** The command line. Everything it does is a function of `src/index.ts`; here are only words, options and exit codes. */
import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));
