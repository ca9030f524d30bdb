/** The module of all hot loops, from every `*.simd.ts`: one file, which each thread instantiates once. */
import { readdirSync } from "node:fs";
import { sep } from "node:path";
import asc from "assemblyscript/asc";

const sources = ["codecs", "layouts", "src"]
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((path) => `${folder}/${path.split(sep).join("/")}`))
  .filter((path) => path.endsWith(".simd.ts"))
  .sort();

const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"];
const { error } = await asc.main([...sources, "-o", "dist/quantize.wasm", ...options], {
  stdout: process.stdout,
  stderr: process.stderr,
});
if (error !== null) process.exit(1);
