import { readdirSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, FABLE, temporaryFolder } from "../support/cli.ts";
import { gguf, key, tensor, text, u32, u64, u8 } from "../support/gguf-parts.ts";

const STRING = 8;
const shard = gguf({ keys: [key("split.no", 2, u8(0, 0)), key("split.count", 2, u8(2, 0))] });

describe("bad input is one clear line, the right exit code, and no file", () => {
  test.each<[string, Uint8Array, string, RegExp]>([
    ["an empty file", u8(), "model.gguf", /expected "GGUF", found an empty file/],
    ["a wrong magic", gguf({ magic: "GGML" }), "model.gguf", /expected "GGUF"/],
    ["a tensor past the end", gguf({ tensors: [tensor("a.weight", [1000])], data: 32 }), "model.gguf", /"a.weight"/],
    ["2^60 tensors", gguf({ tensorCount: 2n ** 60n }), "model.gguf", /number of tensors/],
    ["a string of 2^63 bytes", gguf({ keys: [key("k", STRING, u64(2n ** 63n))] }), "model.gguf", /key "k"/],
    ["a missing shard", shard, "model-00001-of-00002.gguf", /missing: .*model-00002-of-00002.gguf/],
    ["a broken safetensors file", text("{]"), "model.safetensors", /expected JSON/],
    ["a PyTorch checkpoint", u8(0x50, 0x4b, 3, 4), "pytorch_model.bin", /convert it to safetensors/],
    ["rubbish", u32(0xdeadbeef), "model.bin", /expected "GGUF" \(47 47 55 46\), found ef be ad de/],
  ])("%s", (_, file, name, message) => {
    const folder = temporaryFolder();
    writeFileSync(joinPath(folder, name), file);
    const { code, stdout, stderr } = cli([name, "--scheme", "q4_cb", "-o", "out.gguf"], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test("a scheme that does not exist", () => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = cli([FABLE, "--scheme", "q9_9", "-o", "out.gguf"], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/q9_9/);
    expect(readdirSync(folder)).toEqual([]);
  });
});
