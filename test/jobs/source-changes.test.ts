import {
  chmodSync,
  copyFileSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { quantize } from "#dist/src/jobs/quantize.js";
import { FABLE, temporaryFolder } from "../support/cli.ts";

/** Puts other weights into the file, where it stands. */
function overwrite(path: string): void {
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.from("other weights"), 0, 13, statSync(path).size - 5000);
  closeSync(fd);
}

/** Quantizes a copy of the fixture, to which something happens when all bands are done. */
async function convertWhile(happens: (input: string) => void) {
  const folder = temporaryFolder();
  const input = join(folder, "in.gguf");
  copyFileSync(FABLE, input);
  let isDone = false;
  const onProgress = ({ phase }: { phase: string }): void => {
    if (phase === "finish" && !isDone) happens(input);
    isDone ||= phase === "finish";
  };
  const run = quantize({ input, output: join(folder, "out.gguf"), scheme: "q8_0", onProgress, threads: 1 });
  return {
    folder,
    error: await run.then(
      () => undefined,
      (error: Error) => error,
    ),
  };
}

test.each<[string, (input: string) => void, RegExp]>([
  ["overwritten in place", overwrite, /in\.gguf: changed in the meantime: it was written to$/],
  ["made longer", (input) => truncateSync(input, statSync(input).size + 1), /expected \d+ bytes, found \d+$/],
  [
    "replaced by another of its size",
    (input) => {
      copyFileSync(FABLE, `${input}.new`);
      renameSync(`${input}.new`, input);
    },
    /changed in the meantime: another file has its name$/,
  ],
])("a source that is %s during the run is noticed, and nothing is written", async (_, happens, message) => {
  const { folder, error } = await convertWhile(happens);
  expect(error).toMatchObject({ code: "io" });
  expect(error!.message).toMatch(message);
  expect(readdirSync(folder)).toEqual(["in.gguf"]);
});

test("a clock that was set back hides nothing: the source is read again", async () => {
  const folder = temporaryFolder();
  const input = join(folder, "in.gguf");
  copyFileSync(FABLE, input);
  const time = new Date(1_700_000_000_000);
  utimesSync(input, time, time);
  let isDone = false;
  const onProgress = ({ phase }: { phase: string }): void => {
    if (phase === "finish" && !isDone) {
      overwrite(input);
      utimesSync(input, time, time);
    }
    isDone ||= phase === "finish";
  };
  const run = quantize({ input, output: join(folder, "out.gguf"), scheme: "q8_0", onProgress });
  await expect(run).rejects.toThrow(/changed in the meantime: tensor \S+ had hash \w+, and now \w+$/);
});

test("new permissions or links are no change", async () => {
  const { folder, error } = await convertWhile((input) => chmodSync(input, 0o400));
  expect(error).toBeUndefined();
  expect(readdirSync(folder)).toEqual(["in.gguf", "out.gguf"]);
});
