/** `quantize inspect`: what is in a file. */
import { Command } from "commander";
import { inspectModel } from "../../src/inspect/inspect-model.ts";
import { openModel } from "../../src/read/open-model.ts";
import { inspectionText } from "../../src/report/inspection-text.ts";
import * as options from "../options.ts";
import { coloursFor, outputWidth, print, printJson } from "../output.ts";

interface InspectFlags {
  readonly full?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Shows what is in a model file, quantized or not, without reading its weights.")
    .argument("<file>", "a .gguf (also split), a .safetensors, or a Hugging Face folder")
    .option("--full", "print metadata arrays whole")
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action(async (file: string, flags: InspectFlags) => {
      const model = await openModel(file);
      const inspection = inspectModel(model, flags.full ? { arrayElements: Infinity } : {});
      if (flags.json) printJson(inspection);
      else
        print(inspectionText(inspection, { width: outputWidth(), colours: coloursFor(process.stdout, flags.color) }));
    });
}
