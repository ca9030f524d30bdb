// Logits and greedy tokens of a model in llama.cpp, with keys and values in f32 and without flash attention.
//
//   llama-forward logits <model> <threads> <context> <tokens.i32> <out.f32>   rows of logits of every position of windows
//   llama-forward greedy <model> <threads> <count> <tokens.i32> <out.f32>     per step: token, its logit, the second best
//
// Prints the seconds of all decodes.
#include "ggml-backend.h"
#include "llama.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static void fail(const char * what) {
    fprintf(stderr, "llama-forward: %s\n", what);
    exit(1);
}

static std::vector<llama_token> read_tokens(const char * path) {
    FILE * file = fopen(path, "rb");
    if (!file) fail("cannot read the tokens");
    std::vector<llama_token> tokens;
    llama_token token;
    while (fread(&token, sizeof(token), 1, file) == 1) tokens.push_back(token);
    fclose(file);
    return tokens;
}

static void decode(llama_context * context, const llama_token * tokens, int count, int position, bool all_logits) {
    llama_batch batch = llama_batch_init(count, 0, 1);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        batch.token[i] = tokens[i];
        batch.pos[i] = position + i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = all_logits || i == count - 1;
    }
    if (llama_decode(context, batch) != 0) fail("llama_decode failed");
    llama_batch_free(batch);
}

int main(int argc, char ** argv) {
    if (argc != 7) fail("expected six arguments");
    const bool greedy = strcmp(argv[1], "greedy") == 0;
    const int threads = atoi(argv[3]), number = atoi(argv[4]);
    llama_log_set([](ggml_log_level level, const char * text, void *) { if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }, nullptr);
    ggml_backend_load_all();
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[2], model_params);
    if (!model) fail("cannot load the model");
    const std::vector<llama_token> tokens = read_tokens(argv[5]);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = greedy ? tokens.size() + number : number;
    params.n_batch = params.n_ubatch = greedy ? tokens.size() : number;
    params.n_threads = params.n_threads_batch = threads;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context * context = llama_init_from_model(model, params);
    if (!context) fail("cannot make a context");
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    FILE * out = fopen(argv[6], "wb");
    if (!out) fail("cannot write");

    double seconds = 0;
    const auto timed = [&](const llama_token * from, int count, int position, bool all_logits) {
        const auto start = std::chrono::steady_clock::now();
        decode(context, from, count, position, all_logits);
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    if (!greedy) {
        for (size_t start = 0; start + number <= tokens.size(); start += number) {
            llama_memory_clear(llama_get_memory(context), true);
            timed(tokens.data() + start, number, 0, true);
            fwrite(llama_get_logits(context), sizeof(float), (size_t) number * vocabulary, out);
        }
    } else {
        timed(tokens.data(), tokens.size(), 0, false);
        for (int step = 0; step < number; step++) {
            const float * logits = llama_get_logits_ith(context, -1);
            int best = 0, second = -1;
            for (int i = 1; i < vocabulary; i++) if (logits[i] > logits[best]) best = i;
            for (int i = 0; i < vocabulary; i++) if (i != best && (second < 0 || logits[i] > logits[second])) second = i;
            const float row[3] = { (float) best, logits[best], logits[second] };
            fwrite(row, sizeof(float), 3, out);
            const llama_token token = best;
            if (step + 1 < number) timed(&token, 1, tokens.size() + step, false);
        }
    }
    fclose(out);
    printf("{\"seconds\": %.6f, \"vocabulary\": %d}\n", seconds, vocabulary);
    return 0;
}
