/**
 * The header of a GGUF file as bytes: the inverse of `parseGguf`, value types and order included. Its size depends on
 * names, strings and array lengths only, so that all offsets of a file are known before a weight is read.
 *
 * `@huggingface/gguf` can build headers too, from plain values: it would guess types anew that we have kept.
 */
import {
  ARRAY_TYPE,
  GGUF_MAGIC,
  MAX_KEY_BYTES,
  MAX_TENSOR_NAME_BYTES,
  METADATA_TYPES,
  METADATA_TYPE_BYTES,
  padTo,
} from "../read/gguf/gguf-types.ts";
import { textByteLength, writeText } from "../read/lossless-utf8.ts";
import type { Metadata, MetadataScalar, MetadataType, MetadataValue } from "../read/model.ts";

/** The version we write: 3, which all readers of today know. */
const GGUF_VERSION = 3;

/** A line of the tensor list. */
export interface HeaderTensor {
  readonly name: string;
  /** Innermost first. */
  readonly shape: readonly number[];
  /** The `ggml_type` number. */
  readonly ggmlType: number;
  /** First byte in the data section, a multiple of the alignment. */
  readonly byteOffset: number;
}

/** All that a header says. Arrays may be mere lengths (`{ length: n }`) while only the size is asked for. */
export interface GgufHeader {
  readonly metadata: Metadata;
  readonly tensors: readonly HeaderTensor[];
  /** Must be what `general.alignment` says, or the default where that key is absent. */
  readonly alignment: number;
}

/** Bytes of the header up to the data section, padding included. */
export function ggufHeaderSize({ metadata, tensors, alignment }: GgufHeader): number {
  let size = 4 + 4 + 8 + 8;
  for (const [key, value] of metadata) size += 8 + textByteLength(key) + 4 + valueSize(value);
  for (const { name, shape } of tensors) size += 8 + textByteLength(name) + 4 + 8 * shape.length + 4 + 8;
  return padTo(size, alignment);
}

function valueSize(value: MetadataValue): number {
  if (value.type !== "array") return scalarSize(value.type, value.value);
  const { elementType, stored } = value;
  if (stored !== undefined) return 4 + 8 + stored.bytes.length;
  const { values } = value;
  if (elementType !== "string") return 4 + 8 + values.length * METADATA_TYPE_BYTES[elementType];
  let size = 4 + 8;
  for (let i = 0; i < values.length; i++) size += 8 + textByteLength(values[i] as string);
  return size;
}

function scalarSize(type: MetadataType, value: MetadataScalar): number {
  return type === "string" ? 8 + textByteLength(value as string) : METADATA_TYPE_BYTES[type];
}

/**
 * The header's bytes, zeros up to the data section included.
 * @throws RangeError for a header that readers would refuse: names too long, a value that is not of its type
 */
export function ggufHeaderBytes(header: GgufHeader): Uint8Array {
  const bytes = Buffer.alloc(ggufHeaderSize(header));
  const sink: Sink = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), position: 0 };
  writeU32(sink, GGUF_MAGIC);
  writeU32(sink, GGUF_VERSION);
  writeU64(sink, header.tensors.length);
  writeU64(sink, header.metadata.size);
  for (const [key, value] of header.metadata) {
    const length = writeString(sink, key);
    if (length === 0 || length > MAX_KEY_BYTES) throw new RangeError(`key of ${length} bytes: 1 to ${MAX_KEY_BYTES}`);
    writeValue(sink, key, value);
  }
  const names = new Set<string>();
  for (const tensor of header.tensors) {
    if (names.has(tensor.name)) throw new RangeError(`tensor "${tensor.name}" twice`);
    names.add(tensor.name);
    writeTensor(sink, tensor);
  }
  return bytes;
}

interface Sink {
  readonly bytes: Buffer;
  readonly view: DataView;
  position: number;
}

function writeU32(sink: Sink, value: number): void {
  sink.view.setUint32(sink.position, value, true);
  sink.position += 4;
}

function writeU64(sink: Sink, value: number): void {
  sink.view.setUint32(sink.position, value % 2 ** 32, true);
  sink.view.setUint32(sink.position + 4, Math.floor(value / 2 ** 32), true);
  sink.position += 8;
}

function writeString(sink: Sink, text: string): number {
  const length = writeText(sink.bytes, text, sink.position + 8);
  writeU64(sink, length);
  sink.position += length;
  return length;
}

function writeTensor(sink: Sink, { name, shape, ggmlType, byteOffset }: HeaderTensor): void {
  const length = writeString(sink, name);
  if (length === 0 || length >= MAX_TENSOR_NAME_BYTES) {
    throw new RangeError(`tensor "${name}": a name of ${length} bytes, 1 to ${MAX_TENSOR_NAME_BYTES - 1} are allowed`);
  }
  if (shape.length < 1 || shape.length > 4) throw new RangeError(`tensor "${name}": ${shape.length} dimensions`);
  writeU32(sink, shape.length);
  for (const n of shape) writeU64(sink, n);
  writeU32(sink, ggmlType);
  writeU64(sink, byteOffset);
}

function writeValue(sink: Sink, key: string, value: MetadataValue): void {
  if (value.type !== "array") {
    writeU32(sink, METADATA_TYPES.indexOf(value.type));
    writeScalar(sink, key, value.type, value.value);
    return;
  }
  const { elementType, stored } = value;
  writeU32(sink, ARRAY_TYPE);
  writeU32(sink, METADATA_TYPES.indexOf(elementType));
  if (stored !== undefined) {
    writeU64(sink, stored.count);
    sink.bytes.set(stored.bytes, sink.position);
    sink.position += stored.bytes.length;
    return;
  }
  const { values } = value;
  writeU64(sink, values.length);
  if (ArrayBuffer.isView(values) && isStoredAs(values, elementType)) {
    sink.bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), sink.position);
    sink.position += values.byteLength;
    return;
  }
  for (let i = 0; i < values.length; i++) writeScalar(sink, key, elementType, values[i]!);
}

/** True for typed arrays whose bytes are the file's: copied at once, NaN payloads and all. */
function isStoredAs(values: ArrayBufferView, type: MetadataType): boolean {
  return (
    (type === "uint8" && values instanceof Uint8Array) ||
    (type === "int8" && values instanceof Int8Array) ||
    (type === "uint16" && values instanceof Uint16Array) ||
    (type === "int16" && values instanceof Int16Array) ||
    (type === "uint32" && values instanceof Uint32Array) ||
    (type === "int32" && values instanceof Int32Array) ||
    (type === "float32" && values instanceof Float32Array) ||
    (type === "uint64" && values instanceof BigUint64Array) ||
    (type === "int64" && values instanceof BigInt64Array) ||
    (type === "float64" && values instanceof Float64Array)
  );
}

/** Least and greatest value of each integer type. */
const INTEGER_RANGE: Readonly<Partial<Record<MetadataType, readonly [bigint, bigint]>>> = {
  uint8: [0n, 255n],
  int8: [-128n, 127n],
  uint16: [0n, 65535n],
  int16: [-32768n, 32767n],
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

function writeScalar(sink: Sink, key: string, type: MetadataType, value: MetadataScalar): void {
  checkScalar(key, type, value);
  const { view, position } = sink;
  switch (type) {
    case "string":
      writeString(sink, value as string);
      return;
    case "bool":
      view.setUint8(position, value === true ? 1 : 0);
      break;
    case "uint8":
    case "int8":
      view.setUint8(position, Number(value));
      break;
    case "uint16":
    case "int16":
      view.setUint16(position, Number(value), true);
      break;
    case "uint32":
    case "int32":
      view.setUint32(position, Number(value), true);
      break;
    case "float32":
      view.setFloat32(position, value as number, true);
      break;
    case "float64":
      view.setFloat64(position, value as number, true);
      break;
    case "uint64":
    case "int64":
      view.setBigUint64(position, BigInt.asUintN(64, BigInt(value)), true);
      break;
  }
  sink.position += METADATA_TYPE_BYTES[type];
}

function checkScalar(key: string, type: MetadataType, value: MetadataScalar): void {
  const range = INTEGER_RANGE[type];
  const isRight =
    type === "string"
      ? typeof value === "string"
      : type === "bool"
        ? typeof value === "boolean"
        : range === undefined
          ? typeof value === "number"
          : isInteger(value) && BigInt(value) >= range[0] && BigInt(value) <= range[1];
  if (!isRight) throw new RangeError(`key "${key}": ${String(value)} is no ${type}`);
}

function isInteger(value: MetadataScalar): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}
