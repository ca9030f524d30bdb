import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { joinTeam, makeTeamWords, stopTeam, TeamStopped } from "#dist/src/forward/team.js";

const MEMBER = new URL("../support/team-member.mjs", import.meta.url);
const PARTS = 11;

interface Outcome {
  /** What each member said in the end. */
  readonly ends: readonly string[];
  readonly counts: Int32Array;
}

async function runTeam(
  size: number,
  script: string,
  meanwhile?: (words: Int32Array, counts: Int32Array) => void,
): Promise<Outcome> {
  const words = makeTeamWords();
  const counts = new Int32Array(new SharedArrayBuffer(PARTS * 4));
  const members = Array.from({ length: size }, (_, rank) => {
    return new Worker(MEMBER, { workerData: { words, rank, size, script, counts } });
  });
  const ends = Promise.all(
    members.map(
      (member) => new Promise<string>((resolve, reject) => member.once("message", resolve).once("error", reject)),
    ),
  );
  meanwhile?.(words, counts);
  const found = await ends;
  await Promise.all(members.map((member) => member.terminate()));
  return { ends: found, counts };
}

describe.each([1, 2, 3])("a team of %d", (size) => {
  const all = (end: string): string[] => new Array<string>(size).fill(end);

  test("does each part of a step once, and ends steps together", async () => {
    const { ends, counts } = await runTeam(size, "each");
    expect(ends).toEqual(all("done"));
    expect([...counts]).toEqual(new Array(PARTS).fill(40));
  });

  test("gives a part to the same member in every step", async () => {
    const { ends, counts } = await runTeam(size, "own");
    expect(ends).toEqual(all("done"));
    expect([...counts]).toEqual(new Array(PARTS).fill(20));
  });

  test("does a single part once, and nobody goes on before it is done", async () => {
    const { ends, counts } = await runTeam(size, "once");
    expect(ends).toEqual(all("done"));
    expect(counts[0]).toBe(50);
  });

  test("ends when a member fails: the others leave, one says why", async () => {
    const { ends } = await runTeam(size, "fail");
    expect(ends.filter((end) => end === "RangeError: this part fails")).toHaveLength(1);
    expect(ends.filter((end) => end.startsWith("TeamStopped"))).toHaveLength(size - 1);
  });

  test("ends when it is stopped from outside", async () => {
    const { ends } = await runTeam(size, "forever", (words, counts) => {
      const stopWhenUnderWay = (): void => {
        if (Atomics.load(counts, 0) < 3) setTimeout(stopWhenUnderWay, 1);
        else stopTeam(words);
      };
      stopWhenUnderWay();
    });
    expect(ends.every((end) => end.startsWith("TeamStopped"))).toBe(true);
  });
});

test("a member of a stopped team does nothing", () => {
  const words = makeTeamWords();
  const team = joinTeam(words, 0, 1);
  stopTeam(words);
  expect(() => team.each(1, () => expect.unreachable())).toThrow(TeamStopped);
});
