/** A member of a team in a thread of its own: carries out a script and says how it ended. */
import { parentPort, workerData } from "node:worker_threads";
import { joinTeam, stopTeam } from "#dist/src/forward/team.js";

const { words, rank, size, script, counts } = workerData;
const team = joinTeam(words, rank, size);
const PARTS = counts.length;

const SCRIPTS = {
  /** Every part of every step once, and no step before the last is over. */
  each() {
    for (let step = 1; step <= 40; step++) {
      team.each(PARTS, (part) => {
        if (Atomics.add(counts, part, 1) !== step - 1) throw new Error(`part ${part} is not at step ${step}`);
      });
      for (let part = 0; part < PARTS; part++) {
        const done = Atomics.load(counts, part);
        if (done < step) throw new Error(`after step ${step} part ${part} was done ${done} times`);
      }
      team.once(() => {});
    }
  },
  /** Who does which part. */
  own() {
    for (let step = 0; step < 20; step++) {
      const mine = [];
      team.own(PARTS, (part) => mine.push(part));
      if (mine.some((part) => part % size !== rank)) throw new Error(`member ${rank} did ${mine}`);
      team.own(
        PARTS,
        (part) => Atomics.add(counts, part, 1),
        (part) => 7 * part,
      );
    }
  },
  once() {
    for (let step = 0; step < 50; step++) {
      team.once(() => Atomics.add(counts, 0, 1));
      if (Atomics.load(counts, 0) < step + 1) throw new Error("went on before the step was done");
    }
  },
  fail() {
    for (let step = 0; ; step++) {
      team.each(PARTS, (part) => {
        if (step === 5 && part === 3) throw new RangeError("this part fails");
      });
    }
  },
  forever() {
    for (;;) team.each(PARTS, (part) => Atomics.add(counts, part, 1));
  },
};

try {
  SCRIPTS[script]();
  parentPort.postMessage("done");
} catch (error) {
  stopTeam(words);
  parentPort.postMessage(`${error.name}: ${error.message}`);
}
