/** What `quantize layouts` lists: the memory orders of every block format, and the processors they are for. */
import { allFormats } from "../../codecs/registry.ts";
import type { BlockFormat } from "../../codecs/codec.ts";
import { layoutsOf } from "../../layouts/registry.ts";
import { layoutsFor, TARGETS, type Feature, type Target } from "../../layouts/targets.ts";
import { isWritable } from "../plan/recipes/schemes.ts";

export interface LayoutDescription {
  readonly codec: string;
  readonly layout: string;
  /** Rows interleaved; the row count of a tensor must be a multiple. */
  readonly rowsPerGroup: number;
  /** Instruction sets for which `--layout auto:<name>` takes this layout. */
  readonly features: readonly Feature[];
}

/** The processors of one instruction set. */
export interface FeatureDescription {
  readonly feature: Feature;
  readonly description: string;
  /** Names that `auto:` takes, the feature's own first. */
  readonly processors: readonly string[];
}

const isFeature = ({ name, feature }: Target): boolean => name === feature;

function featuresOf(format: BlockFormat, layoutName: string): readonly Feature[] {
  const takers = TARGETS.filter((target) => isFeature(target) && layoutsFor(target, format).includes(layoutName));
  return takers.map(({ feature }) => feature);
}

/** Every packed layout of every format that weights are written in. */
export function describeLayouts(): readonly LayoutDescription[] {
  const formats = allFormats().filter((format) => isWritable(format.name));
  return formats.flatMap((format) =>
    layoutsOf(format)
      .filter(({ name }) => name !== "rows")
      .map(({ name, rowsPerGroup }) => ({
        codec: format.name,
        layout: name,
        rowsPerGroup,
        features: featuresOf(format, name),
      })),
  );
}

/** Instruction sets, and the processors that have them. */
export function describeTargets(): readonly FeatureDescription[] {
  return TARGETS.filter(isFeature).map(({ feature, description }) => ({
    feature,
    description,
    processors: TARGETS.filter((target) => target.feature === feature).map(({ name }) => name),
  }));
}
