/** A caller's program for `withWorkers`: does what its setup says. */
export default async function program({ what, counts }, team, report) {
  if (what === "share") {
    team.each(counts.length, (part) => Atomics.add(counts, part, team.rank + 1));
    report(`thread ${team.rank} of ${team.size}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    team.once(() => Atomics.add(counts, 0, 100));
    return { rank: team.rank, floats: Float32Array.of(team.rank) };
  }
  if (what === "fail") {
    if (team.rank === 1) throw new RangeError("this thread fails");
    for (;;) team.each(1, () => {});
  }
  if (what === "wait") for (;;) team.each(1, () => {});
  return () => "no plain data";
}
