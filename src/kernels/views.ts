/** Which formats the kernels read, and how: one line each. Codebook formats share one view, made from their shape. */
import { isCodebookFormat } from "../../codecs/registry.ts";
import type { BlockFormat } from "../../codecs/codec.ts";
import type { IntegerView } from "./integer-view.ts";
import { codebookView } from "./views/codebook.ts";
import { q1_0, q2_0, q4_0, q4_1, q5_0, q5_1, q8_0 } from "./views/groups.ts";
import { iq4_nl, iq4_xs, mxfp4, nvfp4 } from "./views/lookup.ts";
import { q2_K, q3_K, q4_K, q5_K, q6_K, tq1_0, tq2_0 } from "./views/super-blocks.ts";

const VIEWS: Readonly<Record<string, IntegerView>> = {
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q1_0,
  q2_0,
  iq4_nl,
  iq4_xs,
  mxfp4,
  nvfp4,
  q2_K,
  q3_K,
  q4_K,
  q5_K,
  q6_K,
  tq1_0,
  tq2_0,
};

/** The integer view of a format; undefined for floats, integers and the lattice formats, which have no kernels. */
export function findView(format: BlockFormat): IntegerView | undefined {
  return isCodebookFormat(format) ? codebookView(format) : VIEWS[format.name];
}
