/**
 * What llama.cpp makes of texts with the vocabulary of a GGUF file, as a child process: it ends the process where it
 * does not like a file.
 *
 *   node llama-tokenize.mjs job.json
 *
 * The job is `{ "model": ..., "texts": [...], "result": "out.json" }`; the result is a `LlamaVocabulary` of `llama.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { loadVocabulary } from "./libraries.mjs";

const { model, texts, result } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const vocabulary = loadVocabulary(model);
const size = vocabulary.size();
const each = (read) => Array.from({ length: size }, (_, id) => read(id));
writeFileSync(
  result,
  JSON.stringify({
    size,
    bos: vocabulary.bos(),
    eos: vocabulary.eos(),
    eot: vocabulary.eot(),
    addsBos: vocabulary.addsBos(),
    addsEos: vocabulary.addsEos(),
    endOfGeneration: each((id) => id).filter(vocabulary.isEndOfGeneration),
    pieces: each((id) => vocabulary.piece(id, true).toString("base64")),
    hidden: each((id) => id).filter((id) => vocabulary.piece(id, false).length < vocabulary.piece(id, true).length),
    plain: texts.map((text) => vocabulary.encode(text, false, false)),
    special: texts.map((text) => vocabulary.encode(text, true, true)),
  }),
);
process.exit(0);
