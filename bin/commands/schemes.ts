/** `quantize schemes`: what `--scheme` takes. */
import { Command } from "commander";
import { describeSchemes } from "../../src/inspect/describe-schemes.ts";
import { schemesText } from "../../src/report/schemes-text.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";

export function schemesCommand(): Command {
  return new Command("schemes")
    .description("Lists what --scheme takes: bits per weight, block size, and whether llama.cpp loads the file.")
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action((flags: { json?: boolean; color: boolean }) => {
      const schemes = describeSchemes();
      if (flags.json) printJson({ schemes });
      else print(schemesText(schemes, stdoutView(flags)));
    });
}
