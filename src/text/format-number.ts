/** Numbers as people read them: three significant digits, binary units for bytes, nothing that depends on a locale. */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const COUNT_UNITS = ["", " K", " M", " G", " T", " P"];

function threeDigits(value: number): string {
  if (value >= 999.5) return value.toFixed(0);
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function inUnits(value: number, units: readonly string[], base: number, separator: string): string {
  let unit = 0;
  let scaled = value;
  // 1023.6 KiB would print as "1024 KiB": the next unit begins where rounding does.
  while (unit < units.length - 1 && scaled >= base - 0.5) {
    scaled /= base;
    unit++;
  }
  return `${unit === 0 ? String(Math.round(scaled)) : threeDigits(scaled)}${separator}${units[unit]}`;
}

/** `1234567` bytes as `1.18 MiB`. */
export function formatBytes(bytes: number): string {
  return inUnits(bytes, BYTE_UNITS, 1024, " ");
}

/** `1443584` weights as `1.44 M`. */
export function formatCount(count: number): string {
  return inUnits(count, COUNT_UNITS, 1000, "");
}

/** An exact integer with thin groups: `2901792` as `2 901 792`. */
export function formatInteger(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** `1 tensor`, `2 tensors`. */
export function formatThings(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Bits per weight: `4.5`, `4.563`. */
export function formatBits(bits: number): string {
  return Number.isFinite(bits) ? String(Number(bits.toFixed(3))) : "-";
}

/** A relative error: `0.00356`, `1.2e-6`, `0`; `-` when there is none. */
export function formatError(error: number | undefined): string {
  if (error === undefined || Number.isNaN(error)) return "-";
  if (error === 0) return "0";
  if (!Number.isFinite(error)) return String(error);
  const magnitude = Math.abs(error);
  return magnitude >= 1e-4 && magnitude < 1000 ? String(Number(error.toPrecision(3))) : error.toExponential(1);
}

/** A cosine similarity, where only the distance to 1 tells anything: five decimals, never rounded up to 1. */
export function formatCosine(cosine: number | undefined): string {
  if (cosine === undefined || Number.isNaN(cosine)) return "-";
  return (Math.floor(cosine * 1e5) / 1e5).toFixed(5);
}

/** A share of a whole: `42.1%`. */
export function formatPercent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)}%` : "-";
}

/** Seconds as `0.84 s`, `12.3 s`, `4m 05s`, `2h 07m`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "-";
  if (seconds < 59.5) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** A single-precision number in the fewest digits that give it back: `1e-5`, not `0.000009999999747378752`. */
export function formatFloat32(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
