/** `quantize layouts`: what `--layout` takes, and what an interleaved block looks like. */
import { Command } from "commander";
import { QuantizeError } from "../../src/errors.ts";
import { describeLayouts, describeTargets } from "../../src/inspect/describe-layouts.ts";
import { findLayoutByName } from "../../src/inspect/find-layout-by-name.ts";
import { layoutsText } from "../../src/report/schemes-text.ts";
import { showDrawing } from "../drawing.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";

interface LayoutsFlags {
  readonly svg?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

async function run(type: string | undefined, layout: string | undefined, flags: LayoutsFlags): Promise<void> {
  if (type !== undefined) return showDrawing(findLayoutByName(type, layout), flags);
  if (flags.svg !== undefined)
    throw new QuantizeError("usage", "--svg needs a type and a layout: layouts q4_0 4x8 --svg <file>");
  const [layouts, targets] = [describeLayouts(), describeTargets()];
  const view = stdoutView(flags);
  if (flags.json) printJson({ layouts, targets });
  else print(layoutsText(layouts, targets, view));
}

export function layoutsCommand(): Command {
  return new Command("layouts")
    .description("Lists the memory orders of each type and the CPUs they are for; with a type and a layout, draws it.")
    .argument("[type]", "a type, such as q4_0")
    .argument("[layout]", "one of its layouts, such as 4x8 (default: rows)")
    .option("--svg <file.svg>", "write the drawing as a picture")
    .addOption(options.forceOption())
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action(run);
}
