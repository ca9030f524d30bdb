import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { quantize, type QuantizeOptions } from "#dist/src/jobs/quantize.js";
import type { Progress } from "#dist/src/engine/run-options.js";
import { addToJournal, readJournal } from "#dist/src/write/journal.js";
import { cli, FABLE, ROOT, temporaryFolder, temporaryFolderForFile } from "../support/cli.ts";

type Options = Omit<QuantizeOptions, "input" | "output">;

const CODEBOOKS: Options = { scheme: "q4_0", rules: ["ffn=q4_cb@4x8"], tables: 4, effort: "fast" };
const SET: Options = { scheme: "q4_0", splitMaxBytes: 300_000 };

/** Converts until some of the weights are done, and then breaks off. */
async function breakOff(input: string, output: string, options: Options, share: number): Promise<void> {
  const controller = new AbortController();
  const onProgress = ({ phase, weightsDone, weightsTotal }: Progress): void => {
    if (phase === "convert" && weightsDone > share * weightsTotal) controller.abort(new Error("enough"));
  };
  const run = { ...options, input, output, threads: 1, resume: true, onProgress, signal: controller.signal };
  await expect(quantize(run)).rejects.toThrow("enough");
}

/** Goes on. @returns the share of weights that need not be converted again */
async function goOn(input: string, output: string, options: Options): Promise<number> {
  let share: number | undefined;
  const onProgress = ({ phase, weightsDone, weightsTotal }: Progress): void => {
    if (phase === "convert" && weightsTotal > 0) share ??= weightsDone / weightsTotal;
  };
  await quantize({ ...options, input, output, threads: 2, resume: true, onProgress });
  return share!;
}

const bytesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "base64")]));
const hidden = (folder: string, kind: string): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(`.${kind}`))!,
  );

describe("a run that was broken off", () => {
  test.each<[string, Options]>([
    ["one file", { scheme: "q4_0" }],
    ["learned tables", CODEBOOKS],
    ["a set", SET],
    ["without verification", { ...CODEBOOKS, verify: "off" }],
  ])("is gone on with, and gives the same bytes: %s", async (_, options) => {
    const [straight, folder] = [temporaryFolder(), temporaryFolder()];
    await quantize({ ...options, input: FABLE, output: join(straight, "m.gguf") });
    await breakOff(FABLE, join(folder, "m.gguf"), options, 0.3);
    expect(await goOn(FABLE, join(folder, "m.gguf"), options)).toBeGreaterThan(0.3);
    expect(bytesOf(folder)).toEqual(bytesOf(straight));
  });

  test("may be broken off again and again", async () => {
    const [straight, folder] = [temporaryFolder(), temporaryFolder()];
    await quantize({ ...CODEBOOKS, input: FABLE, output: join(straight, "m.gguf") });
    for (const share of [0.01, 0.4, 0.7]) await breakOff(FABLE, join(folder, "m.gguf"), CODEBOOKS, share);
    expect(await goOn(FABLE, join(folder, "m.gguf"), CODEBOOKS)).toBeGreaterThan(0.7);
    expect(bytesOf(folder)).toEqual(bytesOf(straight));
  });

  test("bands that are no longer as they were noted are done again", async () => {
    const [straight, folder] = [temporaryFolder(), temporaryFolder()];
    const options: Options = { scheme: "q8_0" };
    await quantize({ ...options, input: FABLE, output: join(straight, "m.gguf") });
    await breakOff(FABLE, join(folder, "m.gguf"), options, 0.5);
    const partial = hidden(folder, "partial");
    const fd = openSync(partial, "r+");
    writeSync(fd, Buffer.alloc(4096, 7), 0, 4096, 60_000);
    closeSync(fd);
    const share = await goOn(FABLE, join(folder, "m.gguf"), options);
    expect(share).toBeGreaterThan(0.1);
    expect(bytesOf(folder)).toEqual(bytesOf(straight));
  });

  test("a journal counts up to its first damaged line", async () => {
    const [straight, folder] = [temporaryFolder(), temporaryFolder()];
    await quantize({ ...CODEBOOKS, input: FABLE, output: join(straight, "m.gguf") });
    await breakOff(FABLE, join(folder, "m.gguf"), CODEBOOKS, 0.6);
    const intact = temporaryFolder();
    cpSync(folder, intact, { recursive: true });
    const journal = hidden(folder, "journal");
    const bytes = readFileSync(journal);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(journal, bytes.subarray(0, bytes.length - 10));
    const counted = await goOn(FABLE, join(intact, "m.gguf"), CODEBOOKS);
    expect(await goOn(FABLE, join(folder, "m.gguf"), CODEBOOKS)).toBeLessThan(counted);
    expect(bytesOf(folder)).toEqual(bytesOf(straight));
  });

  test("without resume it is begun anew, and what was left is gone", async () => {
    const folder = temporaryFolder();
    await breakOff(FABLE, join(folder, "m.gguf"), SET, 0.3);
    expect(readdirSync(folder).length).toBe(4);
    const report = await quantize({ ...SET, input: FABLE, output: join(folder, "m.gguf") });
    expect(readdirSync(folder).sort()).toEqual(report.outputs!.map((path) => path.slice(folder.length + 1)));
  });
});

describe("what changed since is named, and nothing is gone on with", () => {
  const folder = temporaryFolderForFile();
  const [input, output] = [join(folder, "in.gguf"), join(folder, "m.gguf")];
  const time = new Date(1_700_000_000_000);
  let left: readonly string[] = [];
  beforeAll(async () => {
    copyFileSync(FABLE, input);
    utimesSync(input, time, time);
    await breakOff(input, output, { scheme: "q4_0" }, 0.3);
    left = readdirSync(folder);
  });

  test.each<[string, () => Options | void, RegExp]>([
    ["another scheme", () => ({ scheme: "q4_1" }), /recipe or options are others/],
    ["a rule", () => ({ scheme: "q4_0", rules: ["attn_q=q8_0"] }), /recipe or options are others/],
    [
      "a source that was written to",
      () => utimesSync(input, time, new Date(1_700_000_000_001)),
      /in\.gguf was written to since/,
    ],
    [
      "another effort",
      () => {
        utimesSync(input, time, time);
        return { scheme: "q4_0", effort: "best" };
      },
      /recipe or options are others/,
    ],
    [
      "a source of other weights that has size and time of the first",
      () => {
        const bytes = readFileSync(input);
        for (let at = bytes.length - 2_800_000; at < bytes.length; at += 1000) bytes[at]! ^= 1;
        writeFileSync(input, bytes);
        utimesSync(input, time, time);
      },
      /tensor \S+ is another in in\.gguf/,
    ],
    [
      "another tool",
      () => {
        const journal = hidden(folder, "journal");
        const [head, ...rest] = [...readJournal(journal)] as [{ about: object }, ...unknown[]];
        writeFileSync(journal, "");
        addToJournal(journal, [{ ...head, about: { ...head.about, tool: "0.0.9" } }, ...rest]);
      },
      /begun by version 0\.0\.9 of this program, this is \d/,
    ],
  ])("%s", async (_, change, message) => {
    const options = change() ?? { scheme: "q4_0" };
    const error = await quantize({ ...options, input, output, resume: true }).catch((e: unknown) => e as Error);
    expect(error).toMatchObject({ code: "incompatible", message: expect.stringMatching(message) });
    expect(readdirSync(folder)).toEqual(left);
  });
});

test("a run that was killed without a thought of it can be gone on with", async () => {
  const folder = temporaryFolder();
  const output = join(folder, "m.gguf");
  const args = [FABLE, "-s", "q4_cb", "--tables", "64", "-o", output];
  const child = spawn(process.execPath, [join(ROOT, "dist/bin/quantize.js"), ...args], { stdio: "ignore" });
  const journalLines = (): number => {
    const name = readdirSync(folder).find((each) => each.endsWith(".journal"));
    return name === undefined ? 0 : readFileSync(join(folder, name), "utf8").split("\n").length;
  };
  while (journalLines() < 8 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.on("exit", resolve));
  expect(statSync(hidden(folder, "journal")).size).toBeGreaterThan(0);
  expect(cli([...args, "--resume", "-q"])).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readdirSync(folder)).toEqual(["m.gguf"]);
  const straight = join(temporaryFolder(), "m.gguf");
  cli([...args.slice(0, -1), straight, "-q"]);
  expect(readFileSync(output).equals(readFileSync(straight))).toBe(true);
});

test("Ctrl-C with --resume leaves what was done, and says how to go on", async () => {
  const folder = temporaryFolder();
  const args = [FABLE, "-s", "q4_cb", "--effort", "best", "--tables", "64", "-o", join(folder, "m.gguf"), "--resume"];
  const child = spawn(process.execPath, [join(ROOT, "dist/bin/quantize.js"), ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += text));
  while (readdirSync(folder).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130);
  expect(stderr).toBe("quantize: interrupted, the same command goes on from here\n");
  expect(readdirSync(folder)).toHaveLength(2);
});
