/** The bytes that an array is made of, in the order in which they are to be thought of. */
import type { Extent, StoredArray } from "../stored-array.types.ts";

/** Runs of bytes in files; none for zeros. */
export function arrayExtents(array: StoredArray): readonly Extent[] {
  switch (array.kind) {
    case "plain":
      return [array.extent];
    case "zeros":
      return [];
    case "mapped":
      return [array.numbers.extent];
    case "scaled":
      return [array.numbers.extent, array.scales.extent];
    case "packed": {
      const { codes, scales, zeros, groupIndex } = array;
      return [codes.extent, scales.extent, ...(zeros ? [zeros.extent] : []), ...(groupIndex ? [groupIndex] : [])];
    }
    case "table": {
      const { codes, table, scales, scaleTable } = array;
      const outer = scaleTable === undefined ? [] : [scaleTable.table.extent, scaleTable.scales.extent];
      return [codes, table.extent, scales.extent, ...outer];
    }
    case "mxfp4":
    case "nvfp4":
      return [array.codes, array.scales];
  }
}
