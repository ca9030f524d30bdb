/** Names that a server says: they become paths here. */

/** Longest path of a repository; file systems take 255 bytes for a word, git some thousands for all. */
const MAX_BYTES = 1024;

// C0 and C1 controls, what Windows reserves, and what turns text around in a terminal.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/;

/**
 * True for a relative path that stays in its folder on any system: words between slashes, none of them empty, `.` or
 * `..`, none with a backslash, a colon (drives, streams) or a control character.
 */
export function isSafePath(path: string): boolean {
  return (
    Buffer.byteLength(path) <= MAX_BYTES &&
    !FORBIDDEN.test(path) &&
    path.split("/").every((word) => word !== "" && word !== "." && word !== ".." && Buffer.byteLength(word) <= 255)
  );
}
