/** GGUF files piece by piece, with every lie that a format can tell. */

export const u8 = (...bytes: number[]) => Uint8Array.from(bytes);

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function u64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}

export function text(value: string, length: number | bigint = Buffer.byteLength(value)): Uint8Array {
  return join(u64(length), new TextEncoder().encode(value));
}

/** A key with its value's bytes. */
export const key = (name: string, type: number, ...value: Uint8Array[]) => join(text(name), u32(type), ...value);

/** An entry of the tensor list; f32 unless told otherwise. */
export function tensor(
  name: string,
  shape: readonly (number | bigint)[],
  {
    type = 0,
    offset = 0,
    dimensions = shape.length,
  }: { type?: number; offset?: number | bigint; dimensions?: number } = {},
): Uint8Array {
  return join(text(name), u32(dimensions), ...shape.map(u64), u32(type), u64(offset));
}

export interface GgufParts {
  readonly magic?: string;
  readonly version?: Uint8Array;
  readonly tensorCount?: number | bigint;
  readonly keyCount?: number | bigint;
  readonly keys?: readonly Uint8Array[];
  readonly tensors?: readonly Uint8Array[];
  /** Bytes of the data section. */
  readonly data?: number;
  readonly alignment?: number;
}

/** A file of these parts: counts as given or right, padding up to the data. */
export function gguf(parts: GgufParts): Uint8Array {
  const { magic = "GGUF", version = u32(3), keys = [], tensors = [], data = 0, alignment = 32 } = parts;
  const header = join(
    new TextEncoder().encode(magic),
    version,
    u64(parts.tensorCount ?? tensors.length),
    u64(parts.keyCount ?? keys.length),
    ...keys,
    ...tensors,
  );
  const padding = data === 0 ? 0 : (alignment - (header.length % alignment)) % alignment;
  return join(header, new Uint8Array(padding + data));
}
