/** `quantize layouts`: what `--layout` takes. */
import { Command } from "commander";
import { describeLayouts, describeTargets } from "../../src/inspect/describe-layouts.ts";
import { layoutsText } from "../../src/report/schemes-text.ts";
import * as options from "../options.ts";
import { coloursFor, outputWidth, print, printJson } from "../output.ts";

export function layoutsCommand(): Command {
  return new Command("layouts")
    .description("Lists the memory orders that each type can be packed in, and the CPUs that read them best.")
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action((flags: { json?: boolean; color: boolean }) => {
      const [layouts, targets] = [describeLayouts(), describeTargets()];
      const view = { width: outputWidth(), colours: coloursFor(process.stdout, flags.color) };
      if (flags.json) printJson({ layouts, targets });
      else print(layoutsText(layouts, targets, view));
    });
}
