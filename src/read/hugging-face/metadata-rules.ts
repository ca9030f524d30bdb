/** Lines of an architecture's metadata: a key, and where in the config its value is. */
import type { MetadataType, MetadataValue } from "../model.ts";
import type { MetadataRule } from "./architectures/architecture.types.ts";
import { flagOf, numberOf, valueOf, type Config } from "./config.ts";

/** Keys of the config, of which the first that is there counts, or a value worked out from it; undefined for none. */
type Source<T> = string | readonly string[] | ((config: Config) => T | undefined);

function scalar<T extends number | string | boolean>(
  type: MetadataType,
  read: (config: Config, keys: readonly string[]) => T | undefined,
): (key: string, source: Source<T>) => MetadataRule {
  return (key, source) => ({
    key,
    value: (config) => {
      const value = typeof source === "function" ? source(config) : read(config, [source].flat());
      return value === undefined ? undefined : { type, value };
    },
  });
}

function array<T extends number | boolean>(
  elementType: MetadataType,
): (key: string, source: (config: Config) => readonly T[] | undefined) => MetadataRule {
  return (key, source) => ({
    key,
    value: (config): MetadataValue | undefined => {
      const values = source(config);
      return values === undefined ? undefined : { type: "array", elementType, values };
    },
  });
}

export const uint = scalar<number>("uint32", (config, keys) => numberOf(config, ...keys));
export const flag = scalar<boolean>("bool", (config, keys) => flagOf(config, ...keys));
export const text = scalar<string>("string", (config, keys) => {
  const value = valueOf(config, ...keys);
  return typeof value === "string" ? value : undefined;
});
export const ints = array<number>("int32");
export const flags = array<boolean>("bool");

const unrounded = scalar<number>("float32", (config, keys) => numberOf(config, ...keys));
/** A number in single precision. */
export function float(key: string, source: Source<number>): MetadataRule {
  const { value } = unrounded(key, source);
  return {
    key,
    value: (config) => {
      const read = value(config);
      return read?.type === "float32" ? { type: "float32", value: Math.fround(read.value as number) } : read;
    },
  };
}
