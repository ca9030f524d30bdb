import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, cliBeside, FABLE, FABLE_FOLDER, temporaryFolder, type CliResult } from "../support/cli.js";
import { COMMIT, startHub, type HubBehaviour, type HubRepo, type TestHub } from "../support/hub-server.js";

const FOLDER = Object.fromEntries(
  readdirSync(FABLE_FOLDER).map((name) => [name, new Uint8Array(readFileSync(join(FABLE_FOLDER, name)))]),
);
const GGUF = new Uint8Array(readFileSync(FABLE));
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** What repositories hold beside a model. */
const CLUTTER = {
  "pytorch_model.bin": text("pickled"),
  "onnx/model.onnx": text("a graph"),
  "consolidated.safetensors": text("the same weights once more"),
  "notes.txt": text("hello"),
};

interface Session {
  readonly hub: TestHub;
  readonly cache: string;
  readonly run: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<CliResult>;
}

/** A hub, an empty cache, and the program between them. */
async function session(repos: Record<string, HubRepo>, behaviour: HubBehaviour = {}): Promise<Session> {
  const hub = await startHub(repos, behaviour);
  const cwd = temporaryFolder();
  const cache = join(cwd, "hub");
  const none = { HF_TOKEN: undefined, HF_HOME: undefined, HF_HUB_OFFLINE: undefined };
  const run = (args: readonly string[], env = {}) =>
    cliBeside(args, { cwd, env: { ...none, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, TMPDIR: cwd, ...env } });
  return { hub, cache, run };
}

const snapshotOf = (cache: string, repo: string, commit = COMMIT): string =>
  join(cache, `models--${repo.replace("/", "--")}`, "snapshots", commit);

const oneLine = ({ stderr }: CliResult): string => {
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  return stderr;
};

describe("a model of the hub is what the same files on disk are", () => {
  test("a folder: only what is needed is fetched, over pages, into the cache of other programs", async () => {
    const repo = { files: { ...FOLDER, ...CLUTTER } };
    const { hub, cache, run } = await session({ "org/Fable-1M": repo }, { pageSize: 3 });
    const output = join(cache, "../out.gguf");
    const { code, stderr } = await run(["hf:org/Fable-1M", "-s", "q4_0", "-o", output, "-q"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const snapshot = snapshotOf(cache, "org/Fable-1M");
    expect(readdirSync(snapshot).sort()).toEqual(Object.keys(FOLDER).sort());
    expect(readFileSync(join(cache, "models--org--Fable-1M/refs/main"), "utf8")).toBe(COMMIT);
    for (const [name, bytes] of Object.entries(FOLDER))
      expect(readFileSync(join(snapshot, name)).equals(bytes)).toBe(true);
    expect(hub.bytesOf()).toBe(Object.values(FOLDER).reduce((sum, bytes) => sum + bytes.length, 0));
    const local = join(cache, "../local.gguf");
    cli([FABLE_FOLDER, "-s", "q4_0", "-o", local, "-q"]);
    const tensors = (path: string) => JSON.parse(cli(["diff", path, local, "--json"]).stdout).tensors;
    expect(tensors(output).filter(({ kind }: { kind: string }) => kind !== "same")).toEqual([]);
    // Once fetched, nothing is fetched again.
    const before = hub.bytesOf();
    expect(
      (await run(["eval", "hf:org/Fable-1M", "--text", join(FABLE_FOLDER, "../text.txt"), "--chunks", "2", "-q"])).code,
    ).toBe(0);
    expect(hub.bytesOf()).toBe(before);
  });

  test("a name is made of the repository's, not of the cache's folders", async () => {
    const { cache, run } = await session({ "some-org/Fable-1M-Instruct": { files: FOLDER } });
    const { stderr } = await run(["hf:some-org/Fable-1M-Instruct", "-s", "q8_0", "-q"]);
    expect(stderr).toBe("");
    const path = join(cache, "../Fable-1M-Instruct-q8_0.gguf");
    const { metadata } = JSON.parse(cli(["inspect", path, "--json"]).stdout);
    const valueOf = (name: string) => metadata.find(({ key }: { key: string }) => key === name)?.value;
    expect(valueOf("general.name")).toBe("Fable 1M Instruct");
    expect(valueOf("general.organization")).toBe("Some Org");
  });

  test("shards: those that the index names", async () => {
    const { "model.safetensors": weights, ...rest } = FOLDER;
    const length = new DataView(weights!.buffer).getUint32(0, true);
    const names = Object.keys(JSON.parse(new TextDecoder().decode(weights!.subarray(8, 8 + length)))).filter(
      (name) => name !== "__metadata__",
    );
    const shard = "model-00001-of-00001.safetensors";
    const index = { metadata: {}, weight_map: Object.fromEntries(names.map((name) => [name, shard])) };
    const files = {
      ...rest,
      [shard]: weights!,
      "model.safetensors.index.json": text(JSON.stringify(index)),
      "model-extra.safetensors": text("no"),
    };
    const { hub, run } = await session({ "org/shards": { files } });
    expect((await run(["hf:org/shards", "-s", "q8_0", "-q"])).stderr).toBe("");
    expect(hub.bytesOf("model-extra.safetensors")).toBe(0);
    const wrong = { ...files, "model.safetensors.index.json": text(JSON.stringify({ weight_map: { a: "../../x" } })) };
    const other = await session({ "org/shards": { files: wrong } });
    const result = await other.run(["hf:org/shards", "-s", "q8_0"]);
    expect(oneLine(result)).toContain('names "../../x", which is not there');
    expect(result.code).toBe(1);
  });

  test("a GGUF by its file, by its type, or as the only one; a split set whole", async () => {
    const { cache, run } = await session({
      "org/one": { files: { "fable-f16.gguf": GGUF, "README.md": text("hi"), "mmproj-f16.gguf": text("eyes") } },
      "org/many": {
        files: { "a/fable-F16.gguf": GGUF, "fable-Q4_0.gguf": text("GGUF"), "fable-Q4_0_S.gguf": text("GGUF") },
      },
    });
    for (const name of [
      "hf:org/one",
      "hf:org/one:fable-f16.gguf",
      "hf:org/many:f16",
      "hf:org/many:a/fable-F16.gguf",
      "hf:org/many:a",
    ]) {
      const { stderr, code } = await run([
        "run",
        name,
        "--prompt",
        "Once",
        "--raw",
        "-n",
        "1",
        "--temperature",
        "0",
        "-q",
      ]);
      expect([name, stderr, code]).toEqual([name, "", 0]);
    }
    expect(readdirSync(snapshotOf(cache, "org/one"))).toEqual(["fable-f16.gguf"]);
    const choice = await run(["hf:org/many", "-s", "q4_0"]);
    expect(oneLine(choice)).toMatch(/3 GGUF files, name one behind a colon: a\/fable-F16.gguf \(2.77 MiB\), /);
    expect(choice.code).toBe(2);
    expect(oneLine(await run(["hf:org/many:fable-f15.gguf", "-s", "q4_0"]))).toContain(
      "did you mean a/fable-F16.gguf?",
    );
  });

  test("a split set comes whole", async () => {
    const folder = temporaryFolder();
    cli([FABLE, "-s", "q8_0", "-o", join(folder, "set.gguf"), "--split-max-size", "600KiB", "-q"]);
    const parts = readdirSync(folder);
    expect(parts.length).toBeGreaterThan(2);
    const files = Object.fromEntries(parts.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
    const { cache, run } = await session({ "org/set": { files } });
    expect((await run(["dequantize", `hf:org/set:${parts[0]}`, "-q"])).stderr).toBe("");
    expect(readdirSync(snapshotOf(cache, "org/set")).sort()).toEqual(parts.sort());
    const { [parts[1]!]: _, ...incomplete } = files;
    const other = await session({ "org/set": { files: incomplete } });
    expect(oneLine(await other.run(["inspect", "hf:org/set"]))).toContain(
      `is one of ${parts.length} files, found ${parts.length - 1}`,
    );
  });

  test("revisions: with @, with --revision, as pasted addresses", async () => {
    const commit = "89".repeat(20);
    const revisions = { "v1.0": { commit, files: { "old.gguf": GGUF } } };
    const { hub, cache, run } = await session({ "org/model": { files: { "new.gguf": GGUF }, revisions } });
    for (const args of [
      ["hf:org/model@v1.0"],
      ["hf:org/model", "--revision", "v1.0"],
      [`hf:org/model@${commit}:old.gguf`],
      [`${hub.endpoint}/org/model/tree/v1.0`],
      ["https://huggingface.co/org/model/blob/v1.0/old.gguf"],
      [`${hub.endpoint}/org/model/resolve/v1.0/old.gguf?download=true`],
    ]) {
      const inspected = await run(["inspect", ...args, "--json"]);
      expect([args, inspected.stderr]).toEqual([args, ""]);
      expect(basename(JSON.parse(inspected.stdout).files[0].path)).toMatch(/old\.gguf$/);
    }
    expect((await run(["dequantize", "hf:org/model@v1.0", "-q"])).stderr).toBe("");
    expect(readFileSync(join(cache, "models--org--model/refs/v1.0"), "utf8")).toBe(commit);
    const clash = await run(["inspect", "hf:org/model@v1.0", "--revision", "v2"]);
    expect([oneLine(clash), clash.code]).toEqual(["quantize: two revisions: --revision v2 and @v1.0\n", 2]);
    expect(oneLine(await run(["inspect", "hf:org/model@v3"]))).toContain(
      "hf:org/model@v3: no such revision (HTTP 404)",
    );
  });

  test("verify takes its original from the hub", async () => {
    const { cache, run } = await session({ "org/one": { files: { "fable-f16.gguf": GGUF } } });
    const output = join(cache, "../q.gguf");
    cli([FABLE, "-s", "q4_0", "-o", output, "-q"]);
    const { stderr, code } = await run(["verify", output, "--against", "hf:org/one", "-q"]);
    expect([stderr, code]).toEqual(["", 0]);
  });
});

describe("headers are looked at by ranges", () => {
  test("a folder is inspected and planned without its weights", async () => {
    const { hub, cache, run } = await session({ "org/Fable-1M": { files: { ...FOLDER, ...CLUTTER } } });
    const inspected = await run(["inspect", "hf:org/Fable-1M", "--json"]);
    expect(inspected.stderr).toBe("");
    const there = JSON.parse(inspected.stdout);
    const here = JSON.parse(cli(["inspect", FABLE_FOLDER, "--json"]).stdout);
    expect(there.tensors).toEqual(here.tensors);
    expect(there).toMatchObject({ path: "hf:org/Fable-1M", files: [{ path: "hf:org/Fable-1M:model.safetensors" }] });
    const planned = await run(["plan", "hf:org/Fable-1M", "-s", "q4_cb", "--json"]);
    expect(planned.stderr).toBe("");
    const local = JSON.parse(cli(["plan", FABLE_FOLDER, "-s", "q4_cb", "--json"]).stdout);
    expect(JSON.parse(planned.stdout).tensors).toEqual(local.tensors);
    expect(hub.bytesOf("model.safetensors")).toBe(2 * 2 ** 18);
    expect(existsSync(join(snapshotOf(cache, "org/Fable-1M"), "model.safetensors"))).toBe(false);
    expect(readdirSync(join(cache, ".."))).toEqual(["hub"]);
  });

  test("of one weight only its bytes are fetched", async () => {
    const { hub, run } = await session({ "org/one": { files: { "fable-f16.gguf": GGUF } } });
    const wanted = ["--tensor", "blk.0.ffn_down.weight", "--element", "200,300", "--json"];
    const there = await run(["inspect", "hf:org/one", ...wanted]);
    expect(there.stderr).toBe("");
    expect(JSON.parse(there.stdout)).toEqual(JSON.parse(cli(["inspect", FABLE, ...wanted]).stdout));
    expect(hub.bytesOf()).toBeLessThan(2 ** 18 + 2 ** 20);
    expect(hub.seen.filter(({ host }) => host === "store").length).toBeGreaterThan(1);
  });

  test("a header longer than the first range is asked for in growing steps", async () => {
    const folder = temporaryFolder();
    const long = ["--override-kv", `test.text=str:${"x".repeat(50_000)}`];
    const many = Array.from({ length: 9 }, (_, i) => [
      "--override-kv",
      `test.text${i}=str:${"x".repeat(50_000)}`,
    ]).flat();
    const path = join(folder, "long.gguf");
    expect(cli([FABLE, "-s", "f16", ...long, ...many, "-o", path, "-q"])).toMatchObject({ stderr: "", code: 0 });
    const { hub, run } = await session({ "org/long": { files: { "long.gguf": new Uint8Array(readFileSync(path)) } } });
    const { stderr, stdout } = await run(["plan", "hf:org/long", "-s", "q4_0", "--json"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout).tensors).toEqual(JSON.parse(cli(["plan", path, "-s", "q4_0", "--json"]).stdout).tensors);
    expect(hub.bytesOf()).toBeLessThan(statSync(path).size / 1.5);
    expect(hub.seen.filter(({ host }) => host === "store").length).toBeLessThanOrEqual(4);
  });

  test("a broken header is told under the name that people know", async () => {
    const { run } = await session({
      "org/bad": { files: { "bad.gguf": text("GGUF\u0001\0\0\0 and so on, and so on") } },
    });
    const result = await run(["inspect", "hf:org/bad"]);
    expect(oneLine(result)).toMatch(/^quantize: hf:org\/bad:bad.gguf: /);
    expect(result.code).toBe(1);
  });
});

describe("what may go wrong on the way", () => {
  test("a connection that breaks is taken up where it broke", async () => {
    const { hub, run } = await session(
      { "org/one": { files: { "fable-f16.gguf": GGUF } } },
      { breakAfter: 700_000, breaks: 2 },
    );
    const { stderr, code } = await run(["dequantize", "hf:org/one", "-q"]);
    expect([stderr, code]).toEqual(["", 0]);
    const ranges = hub.seen
      .filter(({ host }) => host === "store")
      .map(({ range }) => Number(/=(\d+)-/.exec(range!)![1]));
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe(0);
    expect(ranges[1]).toBeGreaterThan(0);
    expect(ranges[2]).toBeGreaterThan(ranges[1]!);
  });

  test("what an earlier run left is gone on with, and damage in it is found", async () => {
    const { hub, cache, run } = await session({ "org/one": { files: { "fable-f16.gguf": GGUF } } });
    expect((await run(["dequantize", "hf:org/one", "-q"])).code).toBe(0);
    const blobs = join(cache, "models--org--one/blobs");
    const [name] = readdirSync(blobs);
    const { renameSync } = await import("node:fs");
    const before = hub.bytesOf();
    writeFileSync(join(blobs, name!), GGUF.subarray(0, 1_000_000));
    renameSync(join(blobs, name!), join(blobs, `${name}.incomplete`));
    expect((await run(["dequantize", "hf:org/one", "-q", "-f"])).stderr).toBe("");
    expect(hub.bytesOf() - before).toBe(GGUF.length - 1_000_000);
    renameSync(join(blobs, name!), join(blobs, `${name}.incomplete`));
    writeFileSync(join(blobs, `${name}.incomplete`), GGUF.slice(0, 1_000_000).fill(7, 10, 20));
    const damaged = await run(["dequantize", "hf:org/one", "-q", "-f"]);
    expect(oneLine(damaged)).toMatch(/SHA-256: expected [0-9a-f]{64}, found [0-9a-f]{64}; what was fetched is removed/);
    expect(readdirSync(blobs)).toEqual([]);
    expect((await run(["dequantize", "hf:org/one", "-q", "-f"])).stderr).toBe("");
  });

  test("a server without ranges sends the file from the start", async () => {
    const { cache, run } = await session(
      { "org/one": { files: { "fable-f16.gguf": GGUF } } },
      { breakAfter: 700_000, breaks: 1, knowsNoRanges: true },
    );
    expect((await run(["dequantize", "hf:org/one", "-q"])).stderr).toBe("");
    expect(readFileSync(join(snapshotOf(cache, "org/one"), "fable-f16.gguf")).equals(GGUF)).toBe(true);
  });

  test.each([
    [
      "another size",
      "fable-f16.gguf",
      GGUF.subarray(0, 2_000_000),
      /expected 2901792 bytes \(as listed\), found 2000000/,
    ],
    ["other bytes", "fable-f16.gguf", GGUF.slice().fill(1, 2_000_000), /SHA-256: expected [0-9a-f]{64}, found/],
  ])("%s than listed is refused, and nothing is kept", async (_, name, bytes, message) => {
    const { cache, run } = await session({ "org/one": { files: { [name]: GGUF } } }, { sent: { [name]: bytes } });
    const result = await run(["dequantize", "hf:org/one", "-q"]);
    expect(oneLine(result)).toMatch(message);
    expect(result.code).toBe(1);
    expect(readdirSync(snapshotOf(cache, "org/one"))).toEqual([]);
  });

  test("other bytes of a small file are found by git's hash", async () => {
    const config = FOLDER["config.json"]!.slice().fill(32, 5, 6);
    const { run } = await session({ "org/f": { files: FOLDER } }, { sent: { "config.json": config } });
    expect(oneLine(await run(["plan", "hf:org/f", "-s", "q4_0"]))).toContain("config.json: git's SHA-1: expected");
  });

  test("who may not is told what to do: unknown, private, gated", async () => {
    const { run } = await session({
      "org/private": { files: { "a.gguf": GGUF }, token: "hf_secret" },
      "org/gated": { files: { "a.gguf": GGUF }, isGated: true },
    });
    for (const name of ["hf:org/unknown", "hf:org/private"]) {
      const result = await run(["inspect", name]);
      expect(oneLine(result)).toBe(
        `quantize: ${name}: no such model, or a private one, which takes a token that may read it: set HF_TOKEN (HTTP 401)\n`,
      );
      expect(result.code).toBe(1);
    }
    expect(oneLine(await run(["inspect", "hf:org/unknown"], { HF_TOKEN: "hf_secret" }))).toContain("(HTTP 404)");
    expect((await run(["inspect", "hf:org/private"], { HF_TOKEN: "hf_secret" })).stderr).toBe("");
    const gated = await run(["hf:org/gated", "-s", "q4_0"]);
    expect(oneLine(gated)).toMatch(
      /a gated model: ask for access at http:.*\/org\/gated, .* set HF_TOKEN \(HTTP 403\)/,
    );
    expect(gated.code).toBe(1);
  });

  test("the token goes to the hub alone", async () => {
    const { hub, run } = await session({ "org/private": { files: { "a.gguf": GGUF }, token: "hf_secret" } });
    expect((await run(["dequantize", "hf:org/private", "-q"], { HF_TOKEN: "hf_secret" })).stderr).toBe("");
    const sentTo = (host: string) =>
      new Set(hub.seen.filter((seen) => seen.host === host).map((seen) => seen.authorization));
    expect(sentTo("hub")).toEqual(new Set(["Bearer hf_secret"]));
    expect(sentTo("store")).toEqual(new Set([undefined]));
  });

  test("a list that goes on at another host is not followed", async () => {
    const elsewhere = await startHub({});
    const { run } = await session(
      { "org/one": { files: { "a.gguf": GGUF } } },
      { nextPage: `${elsewhere.endpoint}/api` },
    );
    expect(oneLine(await run(["inspect", "hf:org/one"], { HF_TOKEN: "hf_secret" }))).toContain("found a link to http");
    expect(elsewhere.seen).toEqual([]);
  });

  test("names from the server lead nowhere and print nothing", async () => {
    const bytes = text("evil");
    const names = [
      "../../evil.gguf",
      "/tmp/evil.gguf",
      "a/../../evil.gguf",
      "C:\\evil.gguf",
      "e\u001b[31mvil.gguf",
      "a\\..\\evil.gguf",
    ];
    const extraEntries = names.map((path) => ({ type: "file", path, size: bytes.length, oid: "1".repeat(40) }));
    const { run } = await session({ "org/evil": { files: {}, extraEntries } });
    const result = await run(["inspect", "hf:org/evil"]);
    expect(oneLine(result)).toContain("expected config.json and safetensors, or a GGUF, found neither");
    const blob = { type: "file", path: "a.gguf", size: 4, oid: "x", lfs: { oid: "../../../../evil", size: 4 } };
    const other = await session({ "org/evil": { files: {}, extraEntries: [blob] } });
    expect(oneLine(await other.run(["inspect", "hf:org/evil"]))).toContain('"a.gguf": expected a hash');
    const huge = { type: "file", path: "a.gguf", size: 2 ** 62, oid: "x", lfs: { oid: "a".repeat(64), size: 2 ** 52 } };
    const full = await session({ "org/big": { files: {}, extraEntries: [huge] } });
    const noRoom = await full.run(["dequantize", "hf:org/big"]);
    expect(oneLine(noRoom)).toMatch(/hf:org\/big: needs \d+ bytes of disk/);
  });

  test("a busy hub is asked again; without a network it is said, and the cache can be used", async () => {
    const { hub, run } = await session({ "org/one": { files: { "a.gguf": GGUF } } }, { statuses: [503] });
    expect((await run(["dequantize", "hf:org/one", "-q"])).stderr).toBe("");
    await hub.close();
    const failed = await run(["dequantize", "hf:org/one", "-q", "-f"]);
    expect(oneLine(failed)).toMatch(
      /cannot be reached: connection refused; HF_HUB_OFFLINE=1 takes what lies in the cache/,
    );
    expect(failed.code).toBe(1);
    const offline = { HF_HUB_OFFLINE: "1" };
    expect((await run(["dequantize", "hf:org/one", "-q", "-f"], offline)).stderr).toBe("");
    expect(oneLine(await run(["dequantize", "hf:org/two"], offline))).toContain("not in the cache");
    expect((await run(["inspect", "hf:org/one"], offline)).stderr).toBe("");
  });
});

describe("nothing is asked of a network that was not named", () => {
  test.each([
    ["org/model", "org/model: no such file or folder; a model of the Hugging Face hub is hf:org/model", 1],
    ["https://example.org/model.gguf", "nothing else is downloaded", 2],
    ["https://huggingface.co/datasets/org/data", "expected the address of a model", 2],
    ["hf:", "no name of a repository", 2],
    ["hf:../..", "no name of a repository", 2],
    ["hf:org/../model", "no name of a repository", 2],
    ["hf:org/model:../x.gguf", "no name of a file", 2],
    ["hf:org/model@../x", "no name of a revision", 2],
  ])("%s", async (input, message, code) => {
    const { hub, run } = await session({});
    const result = await run(["inspect", input]);
    expect(oneLine(result)).toContain(message);
    expect(result.code).toBe(code);
    expect(hub.seen).toEqual([]);
  });

  test("--revision is for models of the hub", async () => {
    const result = cli(["inspect", FABLE, "--revision", "main"]);
    expect([oneLine(result), result.code]).toEqual([
      `quantize: --revision is of a model of the hub: hf:<org>/<repo>, found ${FABLE}\n`,
      2,
    ]);
  });
});
