/**
 * Which layout suits which processor: the choice that ggml's CPU backend makes at load time, as two tables. What counts
 * is the instructions: dot products of four bytes (`dotprod`: SDOT), 2x2 matrix products of eight (`i8mm`: SMMLA), and
 * SVE vectors of exactly 256 bits, for which q4_0 has kernels of its own.
 *
 * Codebook formats take the shapes of q4_0: their tables are looked up (TBL) in vectors of whole chunks.
 */
import type { BlockFormat } from "../codecs/codec.ts";
import { findLayout } from "./registry.ts";

/** Instruction sets that decide, each also a target of its own. */
export type Feature = "armv8.0" | "dotprod" | "i8mm" | "sve256" | "avx2" | "avx512";

/** Preferred layouts per format; a tensor takes the first that its row count allows. */
type Preferences = Readonly<Record<string, readonly string[]>>;

const DOTPROD: Preferences = {
  q4_0: ["4x4"],
  q8_0: ["4x4"],
  iq4_nl: ["4x4"],
  mxfp4: ["4x4"],
  q1_0: ["4x4"],
  q4_K: ["8x4"],
  q5_K: ["8x4"],
  q6_K: ["8x4"],
};
const I8MM: Preferences = {
  q4_0: ["4x8"],
  q8_0: ["4x8"],
  iq4_nl: ["4x4"],
  mxfp4: ["4x4"],
  q1_0: ["4x8"],
  q4_K: ["8x8"],
  q5_K: ["8x8"],
  q6_K: ["8x8"],
};
const AVX2: Preferences = { q4_0: ["8x8"], iq4_nl: ["8x8"], mxfp4: ["8x8"], q4_K: ["8x8"] };

const PREFERENCES: Readonly<Record<Feature, Preferences>> = {
  "armv8.0": {},
  dotprod: DOTPROD,
  i8mm: I8MM,
  sve256: { ...I8MM, q4_0: ["8x8", "4x8"] },
  avx2: AVX2,
  avx512: { ...AVX2, q2_K: ["8x8"] },
};

/** A processor, or a feature taken as one. */
export interface Target {
  /** Lower case, words joined with hyphens: `cortex-a76`, `graviton3`, `i8mm`. */
  readonly name: string;
  readonly feature: Feature;
  /** What people call it, and where it is found. */
  readonly description: string;
}

const target = (name: string, feature: Feature, description: string): Target => ({ name, feature, description });

/** Every name that `auto:` takes; one line each. */
export const TARGETS: readonly Target[] = [
  target("armv8.0", "armv8.0", "64-bit Arm without dot products: nothing is packed"),
  target("dotprod", "dotprod", "Arm with SDOT (from Armv8.2)"),
  target("i8mm", "i8mm", "Arm with SMMLA (from Armv8.6), SVE absent or not 256 bits wide"),
  target("sve256", "sve256", "Arm with SMMLA and SVE of exactly 256 bits"),
  target("avx2", "avx2", "x86-64 with AVX2"),
  target("avx512", "avx512", "x86-64 with AVX-512"),
  target("cortex-a53", "armv8.0", "Arm Cortex-A53"),
  target("cortex-a57", "armv8.0", "Arm Cortex-A57"),
  target("cortex-a72", "armv8.0", "Arm Cortex-A72"),
  target("cortex-a73", "armv8.0", "Arm Cortex-A73"),
  target("cortex-a55", "dotprod", "Arm Cortex-A55"),
  target("cortex-a75", "dotprod", "Arm Cortex-A75"),
  target("cortex-a76", "dotprod", "Arm Cortex-A76"),
  target("cortex-a77", "dotprod", "Arm Cortex-A77"),
  target("cortex-a78", "dotprod", "Arm Cortex-A78, A78AE (NVIDIA Orin), A78C"),
  target("cortex-x1", "dotprod", "Arm Cortex-X1"),
  target("cortex-a510", "i8mm", "Arm Cortex-A510"),
  target("cortex-a520", "i8mm", "Arm Cortex-A520"),
  target("cortex-a710", "i8mm", "Arm Cortex-A710"),
  target("cortex-a715", "i8mm", "Arm Cortex-A715"),
  target("cortex-a720", "i8mm", "Arm Cortex-A720"),
  target("cortex-a725", "i8mm", "Arm Cortex-A725"),
  target("cortex-x2", "i8mm", "Arm Cortex-X2"),
  target("cortex-x3", "i8mm", "Arm Cortex-X3"),
  target("cortex-x4", "i8mm", "Arm Cortex-X4"),
  target("cortex-x925", "i8mm", "Arm Cortex-X925"),
  target("neoverse-n1", "dotprod", "Arm Neoverse N1 (Graviton 2, Ampere Altra)"),
  target("neoverse-v1", "sve256", "Arm Neoverse V1 (Graviton 3)"),
  target("neoverse-n2", "i8mm", "Arm Neoverse N2 (Azure Cobalt 100)"),
  target("neoverse-v2", "i8mm", "Arm Neoverse V2 (Graviton 4, NVIDIA Grace, Google Axion)"),
  target("neoverse-n3", "i8mm", "Arm Neoverse N3"),
  target("neoverse-v3", "i8mm", "Arm Neoverse V3"),
  target("graviton1", "armv8.0", "AWS Graviton (Cortex-A72)"),
  target("graviton2", "dotprod", "AWS Graviton 2 (Neoverse N1)"),
  target("graviton3", "sve256", "AWS Graviton 3 (Neoverse V1)"),
  target("graviton4", "i8mm", "AWS Graviton 4 (Neoverse V2)"),
  target("ampere-altra", "dotprod", "Ampere Altra (Neoverse N1)"),
  target("ampereone", "i8mm", "AmpereOne"),
  target("grace", "i8mm", "NVIDIA Grace (Neoverse V2)"),
  target("axion", "i8mm", "Google Axion (Neoverse V2)"),
  target("cobalt-100", "i8mm", "Azure Cobalt 100 (Neoverse N2)"),
  target("apple-m1", "dotprod", "Apple M1, A14"),
  target("apple-m2", "i8mm", "Apple M2, A15"),
  target("apple-m3", "i8mm", "Apple M3, A17"),
  target("apple-m4", "i8mm", "Apple M4"),
  target("snapdragon-865", "dotprod", "Qualcomm Snapdragon 865"),
  target("snapdragon-888", "dotprod", "Qualcomm Snapdragon 888"),
  target("snapdragon-8-gen-1", "i8mm", "Qualcomm Snapdragon 8 Gen 1"),
  target("snapdragon-8-gen-2", "i8mm", "Qualcomm Snapdragon 8 Gen 2"),
  target("snapdragon-8-gen-3", "i8mm", "Qualcomm Snapdragon 8 Gen 3"),
  target("snapdragon-8-elite", "i8mm", "Qualcomm Snapdragon 8 Elite"),
  target("snapdragon-x-elite", "i8mm", "Qualcomm Snapdragon X Elite"),
  target("raspberry-pi-3", "armv8.0", "Raspberry Pi 3 (Cortex-A53)"),
  target("raspberry-pi-4", "armv8.0", "Raspberry Pi 4 (Cortex-A72)"),
  target("raspberry-pi-5", "dotprod", "Raspberry Pi 5 (Cortex-A76)"),
];

/** Letter case, spaces and punctuation do not matter: `Raspberry Pi 5`, `raspberry_pi5`. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

const byName = new Map(TARGETS.map((entry) => [plain(entry.name), entry]));

/** The target of that name, or undefined. */
export function findTarget(name: string): Target | undefined {
  return byName.get(plain(name));
}

/**
 * The layouts that suit a format on a target, best first; empty where rows are read as they are.
 * A tensor takes the first whose rows per group divide its row count.
 */
export function layoutsFor({ feature }: Target, format: BlockFormat): readonly string[] {
  const preferences = PREFERENCES[feature];
  const wanted = preferences[format.kind === "codebook" ? "q4_0" : format.name] ?? [];
  return wanted.filter((name) => findLayout(format, name) !== undefined);
}
