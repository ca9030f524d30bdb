import { describe, expect, test } from "vitest";
import { findFormat } from "#dist/codecs/registry.js";
import { COMPAT_TYPES } from "#dist/layouts/compat.js";
import { findLayout } from "#dist/layouts/registry.js";
import { layoutsFor, TARGETS } from "#dist/layouts/targets.js";
import { pack } from "#dist/layouts/pack.js";
import { resolveLayout, resolveTarget } from "#dist/src/plan/recipes/resolve-target.js";
import { findStoredType } from "#dist/src/read/gguf/gguf-types.js";

const layouts = (cpu: string, codec: string): readonly string[] => layoutsFor(resolveTarget(cpu), findFormat(codec)!);

describe("a processor's layouts are those that ggml chooses on it", () => {
  test("dot products: four bytes a chunk", () => {
    expect(layouts("cortex-a76", "q4_0")).toEqual(["4x4"]);
    expect(layouts("Raspberry Pi 5", "q4_K")).toEqual(["8x4"]);
    expect(layouts("graviton2", "q8_0")).toEqual(["4x4"]);
    expect(layouts("apple-m1", "q4_cb")).toEqual(["4x4"]);
  });
  test("matrix products: eight bytes a chunk, but for iq4_nl and mxfp4", () => {
    expect(layouts("graviton4", "q4_0")).toEqual(["4x8"]);
    expect(layouts("apple_m4", "q6_K")).toEqual(["8x8"]);
    expect(layouts("snapdragon 8 elite", "q4_cb")).toEqual(["4x8"]);
  });
  test("SVE of 256 bits: eight rows of q4_0 where they divide, else four", () => {
    expect(layouts("neoverse-v1", "q4_0")).toEqual(["8x8", "4x8"]);
    expect(layouts("graviton3", "q8_0")).toEqual(["4x8"]);
  });
  test("without dot products, and for types without a kernel, nothing is packed", () => {
    expect(layouts("raspberry-pi-4", "q4_0")).toEqual([]);
    expect(layouts("graviton4", "q3_K")).toEqual([]);
  });
  test("an unknown name is answered with the nearest one", () => {
    expect(() => resolveTarget("auto:cortex-a7q6")).toThrow('did you mean "cortex-a76"?');
    expect(() => resolveTarget("pentium")).toThrow("quantize layouts");
  });
  test("a tensor takes the first layout that its rows allow", () => {
    const q4 = findFormat("q4_0")!;
    expect(resolveLayout("auto:graviton3", q4, 64)).toBe("8x8");
    expect(resolveLayout("auto:graviton3", q4, 60)).toBe("4x8");
    expect(resolveLayout("auto:graviton3", q4, 61)).toBe("8x8");
    expect(resolveLayout("auto:raspberry-pi-4", q4, 64)).toBe("rows");
    expect(resolveLayout("4x4", q4, 64)).toBe("4x4");
  });
  test("names are unique", () => {
    const names = TARGETS.map(({ name }) => name.replaceAll(/[^a-z0-9]/g, ""));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("types that ik_llama.cpp reads", () => {
  for (const { id, name, format, layout } of COMPAT_TYPES)
    test(name, () => {
      expect(findLayout(findFormat(format)!, layout)).toBeDefined();
      expect(findStoredType(id)).toMatchObject({ codec: format, layout });
    });

  test("q4_0_r8: scales of eight rows, then four bytes of each row in turn, nibbles unchanged", () => {
    const layout = findLayout(findFormat("q4_0")!, "8x4")!;
    const src = Uint8Array.from({ length: 8 * 18 }, (_, index) => index);
    const dst = new Uint8Array(src.length);
    pack(layout, src, dst, 8, 18);
    for (let row = 0; row < 8; row++) {
      expect(dst[2 * row]).toBe(18 * row);
      for (let l = 0; l < 4; l++)
        for (let i = 0; i < 4; i++) expect(dst[16 + 32 * l + 4 * row + i]).toBe(18 * row + 2 + 4 * l + i);
    }
  });
});
