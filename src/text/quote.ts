/** A name for an error message: quoted, control characters escaped, cut where it would fill the screen. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}
