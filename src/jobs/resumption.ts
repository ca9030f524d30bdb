/**
 * Going on where an earlier run was cut off. What it did stands in its journal, band by band; a band counts as done when
 * the bytes on the disk still have the hash that it noted. So it does not matter what was lost on the way: a line of the
 * journal, a page of the file, or bands that something else has written over since.
 */
import { basename } from "node:path";
import type { Codebook } from "../../codecs/codec.ts";
import { planJobMemory } from "../engine/plan-memory.ts";
import { runBands, type KnownResults } from "../engine/run-tasks.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { bandsOf } from "../engine/worker/bands.ts";
import type { BandResult, FitResult, TaskResult } from "../engine/worker/tasks.types.ts";
import { hashJob } from "../engine/hash-tensors.ts";
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { sliceCount, type Model } from "../read/model.ts";
import { storedBytes } from "../read/read-tensor.ts";
import { toolVersion } from "../text/version.ts";
import { formatHash } from "../verify/xxh64.ts";
import type { OutputSet } from "../write/output-set.ts";
import { writtenModel } from "./written-model.ts";

/** What bytes of an output depend on. */
interface About {
  readonly tool: string;
  readonly plan: string;
  readonly sources: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly modified: string;
    /** Inode, and time of the last change of anything: what no program sets. */
    readonly state: string;
  }[];
}

function aboutOf({ files }: Model, planHash: string): About {
  return {
    tool: toolVersion(),
    plan: planHash,
    sources: files.map(({ path, byteLength, state }) => {
      const { mtimeNs = "", ino = "", ctimeNs = "" } = state ?? {};
      return { name: basename(path), bytes: byteLength, modified: String(mtimeNs), state: `${ino} ${ctimeNs}` };
    }),
  };
}

/**
 * What the journal of an output is about, and the comparison with that of an earlier run.
 * @param planHash of the whole plan, run options included
 */
export function journalOf(model: Model, planHash: string, output: string) {
  const about = aboutOf(model, planHash);
  const check = (earlier: unknown): void => {
    const difference = differenceOf(about, earlier as Partial<About>);
    if (difference === undefined) return;
    throw new QuantizeError(
      "incompatible",
      `${output}: cannot go on: ${difference}; without --resume it is begun anew`,
    );
  };
  return { about, check };
}

const cannotGoOn = (output: string, why: string): QuantizeError =>
  new QuantizeError("incompatible", `${output}: cannot go on: ${why}; without --resume it is begun anew`);

/** In what two runs differ, in words. */
function differenceOf(now: About, { tool, plan, sources = [] }: Partial<About>): string | undefined {
  if (tool !== now.tool) return `it was begun by version ${tool} of this program, this is ${now.tool}`;
  if (sources.length !== now.sources.length)
    return `the source had ${sources.length} files, and has ${now.sources.length}`;
  for (const [i, { name, bytes, modified }] of now.sources.entries()) {
    const earlier = sources[i]!;
    if (earlier.name !== name) return `the source was ${earlier.name}, and is ${name}`;
    if (earlier.bytes !== bytes) return `${name} had ${earlier.bytes} bytes, and has ${bytes}`;
    if (earlier.modified !== modified) return `${name} was written to since`;
  }
  return plan === now.plan ? undefined : "recipe or options are others";
}

/** The lines of a journal for what a worker has done. */
export function journalLines(result: TaskResult): unknown[] {
  if (result.kind === "fit") {
    const { job, slice, codebook, seconds } = result.fit;
    const { tables, levels } = codebook;
    return [{ fit: [job, slice], tables: toText(tables), levels: toText(levels), seconds }];
  }
  return result.bands.map(({ job, index, rows, sourceHash, hash, sums, products, seconds }) => {
    return {
      band: [job, index, rows],
      sourceHash: formatHash(sourceHash),
      hash: formatHash(hash),
      sums,
      products,
      seconds,
    };
  });
}

const toText = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");

/** The bytes on memory of their own, as typed arrays must be aligned. */
const fromText = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text, "base64")).buffer;

/** A line of a journal, whose checksum is right: it is what a run of this version has written. */
type Line = {
  readonly seconds: number;
} & (
  | { readonly fit: readonly [number, number]; readonly tables: string; readonly levels: string }
  | {
      readonly band: readonly [number, number, number];
      readonly sourceHash: string;
      readonly hash: string;
      readonly sums?: readonly number[];
      readonly products?: readonly number[];
    }
);

function parseLines(lines: readonly unknown[]): KnownResults {
  const [bands, fits] = [new Map<string, BandResult>(), new Map<string, FitResult>()];
  for (const line of lines as readonly Line[]) {
    if ("fit" in line) {
      const [job, slice] = line.fit;
      const codebook: Codebook = {
        tables: new Int8Array(fromText(line.tables)),
        levels: new Float32Array(fromText(line.levels)),
      };
      fits.set(line.fit.join(), { job, slice, codebook, seconds: line.seconds });
      continue;
    }
    const [job, index, rows] = line.band;
    const { sums, products, seconds } = line;
    bands.set(`${job},${index}`, {
      ...{ job, index, rows, seconds },
      sourceHash: BigInt(`0x${line.sourceHash}`),
      hash: BigInt(`0x${line.hash}`),
      ...(sums && { sums }),
      ...(products && { products }),
    });
  }
  return { bands: [...bands.values()], fits: [...fits.values()] };
}

/**
 * What an earlier run has done of a plan and is still so: bands are read from the temporary files and hashed. Where the
 * source's files may hold other bytes than they did, those are read again too.
 * @returns undefined where there was no earlier run
 * @throws QuantizeError `incompatible` naming the tensor whose source is another
 */
export async function knownResults(
  plan: Plan,
  { files, earlier }: OutputSet,
  planHash: string,
  options: RunOptions,
  engine: Engine,
): Promise<KnownResults | undefined> {
  if (earlier === undefined) return undefined;
  const claims = withinPlan(plan, parseLines(earlier.done));
  const written = writtenModel(plan, files[0]!.path, files, []);
  const hashes = await hashBands(written, claims.bands, options, engine);
  const known = { fits: claims.fits, bands: claims.bands.filter(({ hash }, i) => hashes[i] === hash) };
  const { sources } = aboutOf(plan.model, planHash);
  const was = (earlier.about as About).sources;
  if (sources.every(({ state }, i) => state === was[i]!.state)) return known;
  return withSameSource(plan, known, files[0]!.path, options, engine);
}

/** The stored bytes of bands of a model, as hashes. */
async function hashBands(
  { files, tensors }: Pick<Model, "files" | "tensors">,
  wanted: readonly BandResult[],
  options: RunOptions,
  engine: Engine,
): Promise<(bigint | undefined)[]> {
  const jobs = tensors.map(hashJob);
  const { threads, bandBytes, fitBytes } = planJobMemory(jobs, options);
  await engine.pool.shrink(threads);
  const places = new Set(wanted.map(({ job, index }) => `${job},${index}`));
  const module = await engine.module;
  const { bands } = await runBands(engine.pool, {
    setup: {
      backend: engine.backend,
      ...(module === undefined ? {} : { module }),
      ...{ bandBytes, fitBytes, files, writtenFiles: [], outputPaths: [], jobs },
      verify: "off",
      effort: "normal",
    },
    isWanted: (job, index) => places.has(`${job},${index}`),
    phase: "resume",
    jobBytes: tensors.map(storedBytes),
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.signal && { signal: options.signal }),
  });
  return wanted.map(({ job, index }) => bands[job]![index]?.hash);
}

/**
 * What stays known where the source's files were touched: bands, as their source still has the hash that it had. What
 * tables were learned from has none, so tensors with tables count only when all of them is done.
 */
async function withSameSource(
  { model, tensors }: Plan,
  { bands, fits }: KnownResults,
  output: string,
  options: RunOptions,
  engine: Engine,
): Promise<KnownResults> {
  const sources = tensors.map(({ tensor }) => tensor);
  const hashes = await hashBands({ files: model.files, tensors: sources }, bands, options, engine);
  const other = bands.find(({ sourceHash }, i) => hashes[i] !== sourceHash);
  if (other !== undefined) {
    const { name, extents } = sources[other.job]!;
    const file = basename(model.files[extents[0]!.file]!.path);
    throw cannotGoOn(output, `tensor ${name} is another in ${file}`);
  }
  const counts = new Map<number, number>();
  for (const { job } of bands) counts.set(job, (counts.get(job) ?? 0) + 1);
  const isWhole = (job: number): boolean => counts.get(job) === bandsOf(sources[job]!.shape).length;
  return {
    bands: bands.filter(({ job }) => tensors[job]!.tables === undefined || isWhole(job)),
    fits: fits.filter(({ job }) => isWhole(job)),
  };
}

/** Lines about tensors, bands and slices that the plan has. */
function withinPlan({ tensors }: Plan, { bands, fits }: KnownResults): KnownResults {
  return {
    bands: bands.filter(({ job, index, rows }) => {
      const band = tensors[job] && bandsOf(tensors[job].tensor.shape)[index];
      return band !== undefined && band.endRow - band.startRow === rows;
    }),
    fits: fits.filter(({ job, slice }) => tensors[job] !== undefined && slice < sliceCount(tensors[job].tensor.shape)),
  };
}
