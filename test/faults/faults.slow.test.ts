import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import type { Model } from "#dist/src/read/model.js";
import { formatHash, xxh64 } from "#dist/src/verify/xxh64.js";
import { cli, FABLE, temporaryFolder } from "../support/cli.ts";
import { buildFaults, CALLS, countCalls, hasFaults, runWithFault, type Call, type Fault } from "./inject.ts";

beforeAll(() => {
  if (hasFaults) buildFaults();
});

/** A conversion, as one file or as a set. */
interface Kind {
  readonly what: string;
  readonly args: readonly string[];
  readonly files: readonly string[];
}

const KINDS: readonly Kind[] = [
  { what: "a file", args: [], files: ["m.gguf"] },
  {
    what: "a set",
    args: ["--split-max-size", "300K"],
    files: [1, 2, 3].map((n) => `m-0000${n}-of-00003.gguf`),
  },
];

const OLD = ["-s", "q4_0"] as const;
/** Of the same sizes: the names of a set are the same. */
const NEW = ["-s", "iq4_nl"] as const;

const argsOf = (folder: string, { args }: Kind, scheme: readonly string[], ...more: string[]): string[] => [
  ...[FABLE, ...scheme, ...args, "-o", join(folder, "m.gguf"), "--threads", "2", "--quiet", ...more],
];

const bytesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, formatHash(xxh64(readFileSync(join(folder, name))))]));

/** The hash of every tensor's bytes: what a model is, under whichever names its files are found. */
function contentOf(model: Model): string {
  const files = model.files.map(({ path }) => readFileSync(path));
  const hash = createHash("sha256");
  for (const { name, extents } of model.tensors) {
    hash.update(name);
    for (const { file, byteOffset, byteLength } of extents) {
      hash.update(files[file]!.subarray(byteOffset, byteOffset + byteLength));
    }
  }
  return hash.digest("hex");
}

/** What stands under the names of a conversion, as our reader sees it; undefined when nothing opens. */
async function opened(folder: string, { files }: Kind): Promise<string | undefined> {
  return openModel(join(folder, files[0]!)).then(contentOf, () => undefined);
}

/** What a conversion makes when nothing goes wrong. */
async function expectedOf(kind: Kind, scheme: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  expect(cli(argsOf(folder, kind, scheme))).toMatchObject({ code: 0 });
  return (await opened(folder, kind))!;
}

describe.runIf(hasFaults).each(KINDS)("faults while $what is written", (kind) => {
  /** Each kind of fault at the first call, the last one, and some between. */
  const faultsOf = (counts: ReadonlyMap<Call, number>): Fault[] =>
    (
      [
        ["write", "ENOSPC", true],
        ["write", "EIO", false],
        ["write", "EDQUOT", true],
        ["sync", "EIO", false],
        ["truncate", "ENOSPC", true],
        ["rename", "EIO", false],
        ["rename", "EACCES", true],
        ["link", "EIO", false],
      ] as const
    ).flatMap(([call, error, stays]) => {
      const count = counts.get(call) ?? 0;
      const places = [...new Set([1, 2, 3, Math.ceil(count / 2), count - 1, count])];
      return places.filter((at) => at >= 1 && at <= count).map((at) => ({ calls: [call], at, error, stays }));
    });

  test("that did not exist: one line, exit code 1, and nothing is left; or it is whole", async () => {
    const counting = temporaryFolder();
    const faults = faultsOf(countCalls(counting, argsOf(counting, kind, NEW)));
    const expected = bytesOf(counting);
    expect(faults.length).toBeGreaterThan(15);
    for (const fault of faults) {
      const folder = temporaryFolder();
      const { code, stderr } = runWithFault(folder, argsOf(folder, kind, NEW), fault);
      const what = `${fault.error} at ${fault.calls[0]} ${fault.at}`;
      if (code === 0) {
        // Where hard links fail, names are given otherwise; where only a folder's fsync fails, the files are there.
        expect(bytesOf(folder), what).toEqual(expected);
        continue;
      }
      expect({ code, stderr }, what).toEqual({ code: 1, stderr: expect.stringMatching(/^quantize: [^\n]+\n$/) });
      expect(readdirSync(folder), what).toEqual([]);
    }
  });

  test("in place of an older one: that one stays, or the new one is whole", async () => {
    const counting = temporaryFolder();
    expect(cli(argsOf(counting, kind, OLD)).code).toBe(0);
    const old = bytesOf(counting);
    const faults = faultsOf(countCalls(counting, argsOf(counting, kind, NEW, "--force")));
    const expected = bytesOf(counting);
    expect(old).not.toEqual(expected);
    for (const fault of faults) {
      const folder = temporaryFolder();
      cli(argsOf(folder, kind, OLD));
      const { code, stderr } = runWithFault(folder, argsOf(folder, kind, NEW, "--force"), fault);
      const what = `${fault.error} at ${fault.calls[0]} ${fault.at}: ${stderr}`;
      if (code !== 0) expect(stderr, what).toMatch(/^quantize: [^\n]+\n$/);
      if (!fault.stays || fault.calls[0] !== "rename") {
        expect(bytesOf(folder), what).toEqual(code === 0 ? expected : old);
        continue;
      }
      // Where nothing can be renamed any more, nothing can be put back either: but what is there opens, and is not mixed.
      const found = await opened(folder, kind);
      const both = [await expectedOf(kind, OLD), await expectedOf(kind, NEW)];
      expect(both.includes(found!), what).toBe(true);
    }
  });
});

describe.runIf(hasFaults).each(KINDS)("kills while $what is written with --resume", (kind) => {
  test("twice at any moments: the third run gives what an undisturbed one does", async () => {
    const [counting, straight] = [temporaryFolder(), temporaryFolder()];
    const counts = countCalls(counting, argsOf(counting, kind, NEW, "--resume"));
    const calls = [...counts.values()].reduce((sum, count) => sum + count, 0);
    cli(argsOf(straight, kind, NEW));
    const expected = bytesOf(straight);
    const moments = [...new Set([1, 3, 8, Math.floor(calls / 3), Math.floor(calls / 2)])];
    const last = Array.from({ length: 14 }, (_, i) => calls - i);
    for (const [i, at] of [...moments, ...last].entries()) {
      const folder = temporaryFolder();
      const args = argsOf(folder, kind, NEW, "--resume");
      const kill = { calls: CALLS, error: "killed" } as const;
      expect(runWithFault(folder, args, { ...kill, at }).signal).toBe("SIGKILL");
      // A run that has little left to do may come to its end before its turn.
      const second = runWithFault(folder, args, { ...kill, at: 1 + ((i * 3) % 11) });
      if (second.code !== 0) {
        expect(second.signal).toBe("SIGKILL");
        expect(cli(args), `kill at ${at} of ${calls}`).toEqual({ code: 0, stdout: "", stderr: "" });
      }
      expect(bytesOf(folder), `kill at ${at} of ${calls}`).toEqual(expected);
      rmSync(folder, { recursive: true });
    }
  });
});

describe.runIf(hasFaults).each(KINDS)("fifty kills while $what is written", (kind) => {
  test.each([
    ["that did not exist", false],
    ["in place of an older one", true],
  ])("%s: the old one opens or the new one, and the next run makes good", async (_, hasOld) => {
    const counting = temporaryFolder();
    if (hasOld) cli(argsOf(counting, kind, OLD));
    const counts = countCalls(counting, argsOf(counting, kind, NEW, "--force"));
    const calls = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const [old, fresh] = [hasOld ? await expectedOf(kind, OLD) : undefined, await expectedOf(kind, NEW)];
    // The end is where names are given: every call there, and some of the many writes before.
    const kills = Array.from({ length: 25 }, (_, i) => calls - i).filter((at) => at >= 1);
    const seen = new Set<string | undefined>();
    for (const at of kills) {
      const folder = temporaryFolder();
      if (hasOld) cli(argsOf(folder, kind, OLD));
      const { signal } = runWithFault(folder, argsOf(folder, kind, NEW, "--force"), {
        calls: CALLS,
        at,
        error: "killed",
      });
      expect(signal, `kill at ${at}`).toBe("SIGKILL");
      const found = await opened(folder, kind);
      expect([old, fresh].includes(found), `kill at ${at} of ${calls}: ${readdirSync(folder)}`).toBe(true);
      seen.add(found);
      const again = cli(argsOf(folder, kind, NEW, "--force"));
      expect(again, `after a kill at ${at}`).toMatchObject({ code: 0, stderr: "" });
      expect(await opened(folder, kind)).toBe(fresh);
      expect(readdirSync(folder).sort()).toEqual(kind.files.map((name) => basename(name)));
      rmSync(folder, { recursive: true });
    }
    // The last call removes the journal: whoever is killed there leaves the new one.
    expect(seen.size).toBe(2);
  });
});
