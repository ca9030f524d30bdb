/** What a folder is called. */
import { basename, dirname, resolve } from "node:path";

/**
 * A folder's name; of a snapshot in the cache of Hugging Face's programs (`models--org--repo/snapshots/<commit>`) the
 * id of the model, `org/repo`.
 */
export function folderId(path: string): string {
  const folder = resolve(path);
  const repo = /^models--(.+)$/.exec(basename(dirname(dirname(folder))))?.[1];
  return repo !== undefined && basename(dirname(folder)) === "snapshots"
    ? repo.replaceAll("--", "/")
    : basename(folder);
}
