/** Why a tensor got its type and layout: codes to branch on, and their words, which manifests and reports carry. */

/** Who asked for a type. */
export type Chooser =
  | { readonly by: "scheme" | "mix" | "output-type" | "embedding-type" }
  /** A rule of the user, counted from 1. */
  | { readonly by: "rule"; readonly number: number }
  /** A rule of the scheme about tensors stored in that type. */
  | { readonly by: "stored-type"; readonly codec: string };

/** What was asked for does not suit the tensor. */
export type Misfit =
  /** Its rows do not divide into blocks of that type. */
  | { readonly code: "block-misfit"; readonly codec: string; readonly rowLength: number; readonly blockSize: number }
  /** Its rows do not divide into the groups of the layout. */
  | { readonly code: "group-misfit"; readonly rows: number; readonly rowsPerGroup: number }
  /** Its type does not come in that layout. */
  | { readonly code: "no-layout"; readonly codec: string; readonly layout: string };

/** Why a tensor got its type and layout. */
export type Reason =
  /** It was asked for; `keeps`: to leave the tensor as it is stored. */
  | { readonly code: "chosen"; readonly chooser: Chooser; readonly keeps: boolean }
  /** Tensors of that sort are never quantized. */
  | { readonly code: "never-quantized"; readonly what: string }
  /** The user wants the output tensor left as it is stored. */
  | { readonly code: "output-left" }
  | { readonly code: "dequantized" }
  /** It takes another type or rows instead; `keeps`: it stays as it is stored. */
  | { readonly code: "misfit"; readonly misfit: Misfit; readonly keeps: boolean };

function chooserText(chooser: Chooser): string {
  switch (chooser.by) {
    case "rule":
      return `rule ${chooser.number}`;
    case "stored-type":
      return `from ${chooser.codec}`;
    case "output-type":
    case "embedding-type":
      return `--${chooser.by}`;
    case "scheme":
    case "mix":
      return chooser.by;
  }
}

/** What does not suit, in words: `rows of 172 do not divide by 256 (q4_K)`. */
export function misfitText(misfit: Misfit): string {
  switch (misfit.code) {
    case "block-misfit":
      return `rows of ${misfit.rowLength} do not divide by ${misfit.blockSize} (${misfit.codec})`;
    case "group-misfit":
      return `${misfit.rows} rows do not divide by ${misfit.rowsPerGroup}`;
    case "no-layout":
      return `${misfit.codec} does not come in ${misfit.layout}`;
  }
}

/** A reason in words: `scheme`, `rule 2`, `kept: norm`, `fallback: rows of 172 do not divide by 256 (q4_K)`, ... */
export function reasonText(reason: Reason): string {
  switch (reason.code) {
    case "chosen":
      return chooserText(reason.chooser) + (reason.keeps ? ": keep" : "");
    case "never-quantized":
      return `kept: ${reason.what}`;
    case "output-left":
      return "kept: --leave-output";
    case "dequantized":
      return "dequantize";
    case "misfit": {
      const instead = reason.keeps ? "kept" : reason.misfit.code === "block-misfit" ? "fallback" : "rows";
      return `${instead}: ${misfitText(reason.misfit)}`;
    }
  }
}

/** True when the tensor did not get the type or layout that was asked for. */
export function isFallback({ code }: Reason): boolean {
  return code === "misfit";
}
