/** Terminal colours that can be turned off as one: every function returns its text unchanged when they are. */

export interface Colours {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

function style(isOn: boolean, open: number, close: number): (text: string) => string {
  return isOn ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text;
}

/** The palette, or its plain twin. */
export function colours(isOn: boolean): Colours {
  return {
    bold: style(isOn, 1, 22),
    dim: style(isOn, 2, 22),
    red: style(isOn, 31, 39),
    green: style(isOn, 32, 39),
    yellow: style(isOn, 33, 39),
    cyan: style(isOn, 36, 39),
  };
}

/** No colours: for files, pipes and tests. */
export const PLAIN: Colours = colours(false);
