/** A tokenizer from the metadata of a GGUF file. */
import { QuantizeError } from "../errors.ts";
import type { Metadata } from "../read/model.ts";
import { makeBytePairEncoder } from "./byte-pairs.ts";
import { makePartitioner } from "./partition-text.ts";
import { makeSentencePieceEncoder } from "./sentence-pieces.ts";
import { makeStreamDecoder } from "./stream-decoder.ts";
import { typeOf } from "./token-attributes.ts";
import { makePieces } from "./token-pieces.ts";
import type { DecodeOptions, EncodeOptions, StreamDecoder, Tokenizer } from "./tokenizer.types.ts";
import { makeUnigramEncoder } from "./unigram.ts";
import { readVocabulary, type Vocabulary } from "./vocabulary.ts";
import { makeWordPieceEncoder } from "./word-pieces.ts";

/** With the flag `u`, halves of pairs do not match. */
const LONE_SURROGATE = /[\ud800-\udfff]/gu;

/**
 * Makes a tokenizer whose ids are llama.cpp's (release v0.5.0) for the same file: vocabularies of the kinds `gpt2` (every
 * `tokenizer.ggml.pre` that llama.cpp knows), `gemma4`, `llama`, `t5` and `bert`.
 * @param where the file, for messages
 * @throws QuantizeError `unsupported` for a file without a vocabulary, of another kind or with an unknown way to cut
 * text; `bad-format` for keys that are missing, of another type or contradict each other. The message names the key.
 */
export function makeTokenizer(metadata: Metadata, where: string): Tokenizer {
  const vocabulary = readVocabulary(metadata, where);
  const { kind, texts, attributes, special } = vocabulary;
  const partition = makePartitioner(vocabulary);
  const encodeFragment = fragmentEncoder(vocabulary, metadata);
  const pieces = makePieces(vocabulary);

  const checkId = (id: number): number => {
    if (Number.isInteger(id) && id >= 0 && id < texts.length) return id;
    throw new QuantizeError("bad-data", `${where}: token id ${id}: the vocabulary has ${texts.length} tokens`);
  };
  const decoder = ({ special: showsHidden = false, continues = false }: DecodeOptions = {}): StreamDecoder =>
    makeStreamDecoder((id) => pieces(checkId(id), showsHidden), vocabulary.addsSpacePrefix && !continues);

  return {
    kind,
    vocabularySize: texts.length,
    bos: special.bos,
    eos: special.eos,
    eot: special.eot,
    endOfGeneration: vocabulary.endOfGeneration,
    addsBos: vocabulary.addsBos,
    addsEos: vocabulary.addsEos,
    encode(text, { addSpecial, parseSpecial }: EncodeOptions) {
      const out: number[] = [];
      const [before, behind] = surroundings(vocabulary);
      if (addSpecial) out.push(...before);
      let isBehindSpecial = true;
      for (const fragment of partition(text.replace(LONE_SURROGATE, "\ufffd"), parseSpecial)) {
        if (typeof fragment === "number") out.push(fragment);
        else encodeFragment(fragment, out, isBehindSpecial);
        isBehindSpecial = typeof fragment === "number";
      }
      if (addSpecial) out.push(...behind);
      return Int32Array.from(out);
    },
    decoder,
    decode(ids, options) {
      const stream = decoder(options);
      const parts: string[] = [];
      for (let i = 0; i < ids.length; i++) parts.push(stream.push(ids[i]!));
      parts.push(stream.end());
      return parts.join("");
    },
    token: (id) => ({ text: texts[checkId(id)]!, type: typeOf(attributes[id]!) }),
  };
}

/** A function that appends the ids of a text without special tokens. */
function fragmentEncoder(
  vocabulary: Vocabulary,
  metadata: Metadata,
): (text: string, out: number[], isBehindSpecial: boolean) => void {
  switch (vocabulary.kind) {
    case "gpt2":
    case "gemma4":
      return makeBytePairEncoder(vocabulary, metadata);
    case "llama": {
      const encode = makeSentencePieceEncoder(vocabulary);
      return (text, out, isBehindSpecial) =>
        encode(vocabulary.addsSpacePrefix && isBehindSpecial ? ` ${text}` : text, out);
    }
    case "t5":
      return makeUnigramEncoder(vocabulary, metadata);
    case "bert":
      return makeWordPieceEncoder(vocabulary, metadata);
  }
}

/** What `addSpecial` puts before a text and behind it. */
function surroundings({ kind, special, addsBos, addsEos }: Vocabulary): [before: number[], behind: number[]] {
  if (kind === "bert") return [[special.bos!], [special.separator!]];
  return [addsBos ? [special.bos!] : [], addsEos ? [special.eos!] : []];
}
