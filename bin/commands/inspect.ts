/** `quantize inspect`: what is in a file, down to the bits of one weight. */
import { Command, InvalidArgumentError, Option } from "commander";
import { QuantizeError } from "../../src/errors.ts";
import { inspectCodebooks } from "../../src/inspect/inspect-codebooks.ts";
import { inspectElement } from "../../src/inspect/inspect-element.ts";
import { inspectModel } from "../../src/inspect/inspect-model.ts";
import { findTensor, hasCodebooks, layoutOf } from "../../src/open/tensor-reader.ts";
import type { Model } from "../../src/read/model.ts";
import { openModel } from "../../src/open/open-model.ts";
import { codebookText } from "../../src/report/codebooks-text.ts";
import { elementHex, elementText } from "../../src/report/element-text.ts";
import { inspectionText } from "../../src/report/inspection-text.ts";
import type { TableOptions } from "../../src/text/text-table.ts";
import { showDrawing } from "../drawing.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";

interface Place {
  readonly slice: number;
  readonly row: number;
  readonly column: number;
}

interface InspectFlags {
  readonly tensor?: string;
  readonly layout?: string;
  readonly element?: Place;
  readonly hex?: boolean;
  readonly codebooks?: boolean;
  readonly svg?: string;
  readonly force?: boolean;
  readonly full?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

/** `5,40` is row 5, column 40; `2,5,40` the same in slice 2. */
function parsePlace(text: string): Place {
  const numbers = /^\d+,\d+(,\d+)?$/.test(text) ? text.split(",").map(Number) : [];
  const [slice, row, column] = numbers.length === 2 ? [0, ...numbers] : numbers;
  if (slice === undefined || row === undefined || column === undefined) {
    throw new InvalidArgumentError("expected row,column or slice,row,column, such as 5,40.");
  }
  return { slice, row, column };
}

async function showElement(model: Model, name: string, flags: InspectFlags, view: TableOptions): Promise<void> {
  const { layout } = flags;
  const wanted = { ...flags.element!, ...(layout !== undefined && { layout }) };
  const element = await inspectElement(model, findTensor(model, name), wanted);
  if (flags.json) printJson(element);
  else print(elementText(element, view) + (flags.hex ? `\n\n${elementHex(element, view)}` : ""));
}

async function showCodebooks(model: Model, flags: InspectFlags, view: TableOptions): Promise<void> {
  const named = flags.tensor === undefined ? model.tensors : [findTensor(model, flags.tensor)];
  const codebooks = [];
  for (const tensor of named.filter(hasCodebooks)) codebooks.push(...(await inspectCodebooks(model, tensor)));
  if (flags.json) printJson({ codebooks });
  else if (codebooks.length === 0) print("no tensor with learned tables");
  else print(codebooks.map((codebook) => codebookText(codebook, view)).join("\n\n"));
}

async function run(file: string, flags: InspectFlags): Promise<void> {
  const view = stdoutView(flags);
  const model = await openModel(file, { onUnknownCut: "note" });
  if (flags.element !== undefined) {
    if (flags.tensor === undefined) throw new QuantizeError("usage", "--element needs --tensor <name>");
    return showElement(model, flags.tensor, flags, view);
  }
  if (flags.hex) throw new QuantizeError("usage", "--hex needs --element r,c");
  if (flags.layout !== undefined || flags.svg !== undefined) {
    if (flags.tensor === undefined) throw new QuantizeError("usage", "--layout and --svg need --tensor <name>");
    return showDrawing(layoutOf(findTensor(model, flags.tensor), flags.layout), flags);
  }
  if (flags.codebooks) return showCodebooks(model, flags, view);
  const shown = flags.tensor === undefined ? model : { ...model, tensors: [findTensor(model, flags.tensor)] };
  const inspection = inspectModel(shown, flags.full ? { arrayElements: Infinity } : {});
  if (flags.json) printJson(inspection);
  else print(inspectionText(inspection, view));
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Shows what is in a model file, quantized or not: metadata, tensors, codebooks, single weights.")
    .argument("<file>", "a .gguf (also split), a .safetensors, or a Hugging Face folder")
    .option("--tensor <name>", "only this tensor")
    .addOption(
      new Option("--element <r,c>", "where weight (row, column) lies and what it is worth; s,r,c for stacks").argParser(
        parsePlace,
      ),
    )
    .option("--layout <name>", "draw the tensor's block in that layout; with --element: its place in that layout")
    .option("--svg <file.svg>", "write the drawing as a picture")
    .addOption(options.forceOption())
    .option("--hex", "with --element: the bytes of its block")
    .option("--codebooks", "learned tables and histograms of their use")
    .option("--full", "print metadata arrays whole")
    .addOption(options.jsonOption())
    .addOption(options.noColorOption())
    .action(run);
}
