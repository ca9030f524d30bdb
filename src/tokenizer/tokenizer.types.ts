/** What a tokenizer is to those who use one. */

/** Kinds of tokens, as GGUF names them. */
export type TokenType = "normal" | "unknown" | "control" | "user-defined" | "unused" | "byte" | "undefined";

export interface Token {
  /** As the vocabulary has it: bytes of byte-level vocabularies as characters, spaces of SentencePiece as U+2581. */
  readonly text: string;
  readonly type: TokenType;
}

export interface EncodeOptions {
  /** Adds what the model wants around a text: `addsBos`, `addsEos`; for `bert` always `[CLS]` and `[SEP]`. */
  readonly addSpecial: boolean;
  /** Control tokens written out in the text (`<|im_end|>`) become these tokens. User-defined ones always do. */
  readonly parseSpecial: boolean;
}

export interface DecodeOptions {
  /** Writes out control and unknown tokens, of which nothing is seen otherwise. */
  readonly special?: boolean;
  /**
   * The ids go on with a text that is already there. Otherwise the space that `encode` puts before a text (SentencePiece)
   * is taken away again.
   */
  readonly continues?: boolean;
}

/** Decodes token by token: a character that takes several tokens comes out with the last of them. */
export interface StreamDecoder {
  /** Text that is complete with this token; often empty. @throws QuantizeError `bad-data` for an id out of range */
  push(id: number): string;
  /** What is left over: nothing, or U+FFFD for a character that was cut off. */
  end(): string;
}

/** Text to token ids and back, with the ids of llama.cpp. */
export interface Tokenizer {
  /** `tokenizer.ggml.model`. */
  readonly kind: "gpt2" | "gemma4" | "llama" | "t5" | "bert";
  /** Number of tokens; ids are below. */
  readonly vocabularySize: number;
  /** Begin of text. */
  readonly bos: number | undefined;
  /** End of text. */
  readonly eos: number | undefined;
  /** End of a turn in a conversation. */
  readonly eot: number | undefined;
  /** Tokens after which nothing more is to be generated: `eos`, `eot` and others that llama.cpp knows by their text. */
  readonly endOfGeneration: ReadonlySet<number>;
  /** True when `addSpecial` puts `bos` first. */
  readonly addsBos: boolean;
  /** True when `addSpecial` puts `eos` last. */
  readonly addsEos: boolean;
  /**
   * The ids of a text. Lone surrogates count as U+FFFD. Time grows with n log n at most, whatever the text.
   * @throws QuantizeError `bad-data` for a character that the vocabulary can write neither as a token nor as bytes
   */
  encode(text: string, options: EncodeOptions): Int32Array;
  /**
   * The text of ids: the pieces of all tokens, one after the other. For byte-level vocabularies
   * `decode(encode(text))` is the text. Bytes that are not UTF-8 become U+FFFD.
   * @throws QuantizeError `bad-data` for an id out of range
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** What it returns for all ids of a list, put together, is what `decode` returns for the list. */
  decoder(options?: DecodeOptions): StreamDecoder;
  /** @throws QuantizeError `bad-data` for an id out of range */
  token(id: number): Token;
}
