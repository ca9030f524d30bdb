/** `quantize eval`, `imatrix` and `run` as people use them, and what they say to bad input. */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cli, FABLE, ROOT, temporaryFolder, temporaryFolderForFile } from "../support/cli.js";
import { modelMetadata, writeModel, type ModelShape } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const TEXT = join(ROOT, "fixtures/fable/text.txt");
const WINDOWS = ["--context", "128", "--chunks", "4"];
const folder = temporaryFolderForFile();
const Q4_0 = join(folder, "fable-q4_0.gguf");

beforeAll(() => {
  copyFileSync(FABLE, join(folder, "fable-f16.gguf"));
  expect(cli([FABLE, "-s", "q4_0", "--pure", "-q", "-o", Q4_0]).code).toBe(0);
});

describe("quantize eval", () => {
  test("prints perplexities, distributions, layers and kernels", () => {
    const { code, stdout, stderr } = cli(["eval", Q4_0, "--text", TEXT, ...WINDOWS]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^perplexity +\d\.\d{6} ± 0\.\d{6}$/m);
    expect(stdout).toMatch(/^same top token +9\d\.\d{3}% ± \d\.\d{3}%$/m);
    expect(stdout).toMatch(/^mean +0\.00\d{4} ± 0\.\d{6} +-?\d\.\d{3}% ± \d\.\d{3}%$/m);
    expect(stdout).toMatch(/^root mean square +\d\.\d{3}%/m);
    for (const row of ["maximum", "99.9%", "median", "0.1%", "minimum"]) expect(stdout).toContain(`\n${row} `);
    expect(stdout).toMatch(/^layer 2 +0\.0\d+ +0\.99\d+$/m);
    expect(stdout).toMatch(/^q4_0 +by its kernel, with q8_0 activations +15 +1\.31 M$/m);
    expect(stdout).toMatch(/^scored +252 tokens$/m);
  });

  test("--json is the report, the same for any number of threads but for times", () => {
    const steady = (json: string): unknown =>
      JSON.parse(json, (key, value: unknown) => (["seconds", "threads", "plannedMemory"].includes(key) ? 0 : value));
    const run = (threads: string) => cli(["eval", Q4_0, "--text", TEXT, ...WINDOWS, "--json", "--threads", threads]);
    const [one, three] = [run("1"), run("3")];
    expect(steady(one.stdout)).toEqual(steady(three.stdout));
    expect(JSON.parse(one.stdout)).toMatchObject({ scored: 252, comparison: { divergence: { mean: {} } } });
  });

  test("a missed bound prints the report and exits 3", () => {
    const args = ["eval", Q4_0, "--text", TEXT, ...WINDOWS, "--min-same-top", "99%"];
    const { code, stdout, stderr } = cli(args);
    expect(code).toBe(3);
    expect(stdout).toContain("same top token");
    expect(stderr).toMatch(/^quantize: .*same top token 0\.9\d+, at least 0\.99 required\n$/);
    const json = cli([...args, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ scored: 252, error: { code: "budget", exitCode: 3 } });
  });

  test("--dry-run says memory, disk and time, and computes nothing", () => {
    const { code, stdout } = cli(["eval", Q4_0, "--text", TEXT, "--context", "128", "-n"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^text .*, 148 windows of 128 tokens$/m);
    expect(stdout).toMatch(/^memory +\d+ MiB, \d+ threads?$/m);
    expect(stdout).toMatch(/^disk +none$/m);
    expect(stdout).toMatch(/^time +about /m);
  });
});

describe("quantize ... --eval", () => {
  test("adds a line to the report, and a section to the page", () => {
    const place = temporaryFolder();
    const args = [FABLE, "-s", "q4_0", "--eval", TEXT, "--eval-context", "128", "--eval-chunks", "4"];
    const { code, stdout } = cli([...args, "--report", "r.html", "--max-kld", "0.1"], { cwd: place });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model +perplexity \d\.\d{4} -> \d\.\d{4}, KL divergence 0\.00\d+, same top token 9\d\.\d+%$/m,
    );
    expect(readFileSync(join(place, "r.html"), "utf8")).toMatch(/KL divergence 0\.00\d+/);
  });

  test("a missed bound leaves no file and exits 3; bounds without a text are refused", () => {
    const place = temporaryFolder();
    const args = [FABLE, "-s", "q2_k", "--max-kld", "0.01"];
    const missed = cli([...args, "--eval", TEXT, "--eval-context", "128", "--eval-chunks", "4"], { cwd: place });
    expect(missed.code).toBe(3);
    expect(missed.stderr).toMatch(/KL divergence 0\.\d+, at most 0\.01 allowed/);
    expect(cli(args, { cwd: place })).toMatchObject({ code: 2, stderr: expect.stringContaining("--eval <file>") });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("quantize imatrix", () => {
  test("measures, merges, and names what was hardly used", () => {
    const place = temporaryFolder();
    const measured = cli(["imatrix", FABLE, "--text", TEXT, ...WINDOWS, "-o", "a.gguf"], { cwd: place });
    expect(measured.code).toBe(0);
    expect(measured.stdout).toMatch(/^tensors 14, every column of all was used$/m);
    expect(measured.stdout).toMatch(/^chunks +4 of 128 tokens$/m);
    const merged = cli(["imatrix", "--merge", "a.gguf", "a.gguf", "-o", "b.dat", "--format", "dat"], { cwd: place });
    expect(merged).toMatchObject({ code: 0, stdout: expect.stringMatching(/^chunks +8 of 128 tokens$/m) });
    const used = cli([FABLE, "-s", "q4_k", "--imatrix", "b.dat", "-q", "-o", "c.gguf"], { cwd: place });
    expect(used).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(cli(["imatrix", FABLE, "--text", TEXT, "-o", "a.gguf"], { cwd: place }).code).toBe(1);
    expect(cli(["imatrix", "-o", "d.gguf"], { cwd: place }).code).toBe(2);
  });
});

describe("quantize run", () => {
  const args = ["run", Q4_0, "-p", "Once upon a time", "-n", "8", "--temperature", "0"];

  test("prints the text on stdout, and how it went on stderr", () => {
    const { code, stdout, stderr } = cli(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^, there was .+\n$/);
    expect(stderr).toMatch(/^prompt 4 tokens in .+; 8 tokens in .+ tokens\/s, stopped by -n, \d threads?\n$/);
    expect(cli([...args, "-q"])).toEqual({ code: 0, stdout, stderr: "" });
    expect(JSON.parse(cli([...args, "--json"]).stdout)).toMatchObject({ text: stdout.slice(0, -1), tokens: 8 });
  });
});

test("Ctrl-C ends an evaluation within a second, and takes temporary files away", async () => {
  const args = ["eval", FABLE, "--against", FABLE, "--text", TEXT, "--save-logits", "base.logits"];
  const place = temporaryFolder();
  const child = spawn(process.execPath, [join(ROOT, "dist/bin/quantize.js"), ...args], { cwd: place });
  const isUnderWay = (): boolean => readdirSync(place).some((name) => name.endsWith(".partial"));
  while (!isUnderWay() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  expect(code).toBe(130);
  expect(readdirSync(place)).toEqual([]);
  expect(existsSync(join(tmpdir(), `quantize-${child.pid}`))).toBe(false);
});

describe("bad input is one clear line and the right exit code", () => {
  const llama = TINY_MODELS[0]!;

  /** A model whose keys were changed. */
  function changed(change: (metadata: ReturnType<typeof modelMetadata>) => void, shape: ModelShape = llama): string {
    const path = join(temporaryFolder(), "model.gguf");
    const metadata = modelMetadata(shape);
    change(metadata);
    writeModel(path, shape, 1, metadata);
    return path;
  }

  function evaluate(model: string, ...more: string[]): ReturnType<typeof cli> {
    return cli(["eval", model, "--text", TEXT, "--context", "32", "--chunks", "4", ...more]);
  }

  function write(bytes: string | Uint8Array): string {
    const path = join(temporaryFolder(), "file");
    writeFileSync(path, bytes);
    return path;
  }

  const cases: readonly [what: string, run: () => ReturnType<typeof cli>, code: number, message: RegExp][] = [
    ["no text", () => cli(["eval", Q4_0]), 2, /no text given: --text <file>/],
    ["an empty text", () => cli(["eval", Q4_0, "--text", write("")]), 2, /expected a text, found an empty file/],
    [
      "a text that is not there",
      () => cli(["eval", Q4_0, "--text", "nowhere.txt"]),
      1,
      /nowhere\.txt: cannot be opened/,
    ],
    [
      "a text that is too short",
      () => cli(["eval", Q4_0, "--text", write("Once upon a time")]),
      2,
      /expected at least 1024 tokens \(two windows of 512\), found 4/,
    ],
    ["a context beyond 2^20", () => evaluate(Q4_0, "--context", "1048577"), 2, /from 8 to 1048576/],
    [
      "a model without a vocabulary",
      () => evaluate(changed((keys) => keys.delete("tokenizer.ggml.model"))),
      1,
      /the file has no vocabulary/,
    ],
    [
      "a vocabulary without merges",
      () => evaluate(changed((keys) => keys.set("tokenizer.ggml.model", { type: "string", value: "gpt2" }))),
      1,
      /merges/,
    ],
    [
      "tokens that the model does not have",
      () => evaluate(changed(() => {}, { ...llama, vocabulary: 288, rows: 70 })),
      1,
      /expected an id below 70 \(rows of token_embd\.weight\), found \d+/,
    ],
    [
      "an unknown architecture",
      () => evaluate(changed((keys) => keys.set("general.architecture", { type: "string", value: "mamba" }))),
      1,
      /the forward pass does not know the architecture "mamba" \(such files are converted, not evaluated\), only .*llama/,
    ],
    [
      "heads that do not divide",
      () => evaluate(changed((keys) => keys.set("llama.attention.head_count_kv", { type: "uint32", value: 3 }))),
      1,
      /attention\.head_count_kv": expected a divisor of the 4 heads/,
    ],
    [
      "rotary angles beyond any context",
      () => evaluate(changed((keys) => keys.set("llama.rope.scaling.factor", { type: "float32", value: 1e-9 }))),
      1,
      /rotary positions: position 31 turns by .* radians/,
    ],
    [
      "an original of another width",
      () =>
        evaluate(
          changed(() => {}),
          "--against",
          changed(() => {}, { ...llama, width: 96 }),
        ),
      1,
      /expected 96 elements in a hidden state/,
    ],
    [
      "an original of another depth",
      () =>
        evaluate(
          changed(() => {}),
          "--against",
          changed(() => {}, { ...llama, layers: 3 }),
        ),
      1,
      /expected 3 layers as in .*found 2/,
    ],
    [
      "an original with another vocabulary",
      () =>
        evaluate(
          changed(() => {}),
          "--against",
          changed(() => {}, { ...llama, vocabulary: 300 }),
        ),
      1,
      /expected 300 tokens in the vocabulary/,
    ],
    ["base logits that are none", () => evaluate(Q4_0, "--base-logits", TEXT), 1, /begins with "_logits_"/],
    ["two originals", () => evaluate(Q4_0, "--base-logits", TEXT, "--against", FABLE), 2, /give one/],
    ["a bound without an original", () => evaluate(FABLE, "--max-kld", "1"), 2, /needs an original/],
    [
      "a share that is none",
      () => evaluate(FABLE, "--min-same-top", "101%"),
      2,
      /expected a share such as 0\.95 or 95%/,
    ],
    ["no memory", () => evaluate(FABLE, "--max-memory", "100M"), 1, /need \d+ MiB of memory, the bound is 100 MiB/],
    ["an empty prompt", () => cli(["run", Q4_0, "-p", ""]), 2, /the prompt is empty/],
  ];

  test.each(cases)("%s", (_what, run, code, message) => {
    const result = run();
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^quantize: [^\n]*\n$/);
  });

  test("weights that lead to logits that are no numbers", () => {
    const path = join(temporaryFolder(), "nan.gguf");
    writeModel(path, llama);
    const bytes = readFileSync(path);
    bytes.writeFloatLE(NaN, bytes.length - 4000);
    writeFileSync(path, bytes);
    expect(evaluate(path)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^quantize: .*window 0, position 16: the logits are not finite\n$/),
    });
  });

  test("base logits of another vocabulary, and of another text", () => {
    const logits = join(temporaryFolder(), "base.logits");
    expect(cli(["eval", FABLE, "--text", TEXT, ...WINDOWS, "--save-logits", logits, "-q"]).code).toBe(0);
    const other = evaluate(
      changed(() => {}),
      "--base-logits",
      logits,
      "--context",
      "128",
    );
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/expected logits of 288 tokens.*found 512/) });
    const text = write(readFileSync(TEXT, "utf8").replace(/girl/g, "king"));
    const elsewhere = cli(["eval", Q4_0, "--text", text, "--base-logits", logits]);
    expect(elsewhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/its logits are of another text/) });
    const longer = cli(["eval", Q4_0, "--base-logits", logits, "--context", "64"]);
    expect(longer).toMatchObject({ code: 2, stderr: expect.stringMatching(/have 128 tokens, --context says 64/) });
  });
});
