#include "native/engine/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "native/random.h"
#include "native/kernels/ops.h"
#include "native/model/ops.h"

namespace astarpo {
namespace {

struct Row {
  GenerateRequest request;
  std::shared_ptr<AbortFlag> abort;
  Engine::Callbacks callbacks;
  size_t prompt_length;
  GenerateResult result;
  bool finished = false;

  Sequence& sequence() const { return *request.sequence; }

  void succeed() {
    sequence().busy = false;
    callbacks.done(std::move(result));
  }
  // A request that does not end leaves its sequence as it found it; keys of the prompt stay.
  void fail(const std::string& code, const std::string& message) {
    Sequence& sequence = *request.sequence;
    sequence.tokens.resize(prompt_length);
    sequence.cache.length = std::min(sequence.cache.length, static_cast<int64_t>(prompt_length));
    sequence.busy = false;
    callbacks.failed(code, message);
  }
};

void check_sampling(const GenerateRequest& request, const DecoderConfig& config) {
  const auto wrong = [](const std::string& what) { throw Error("ASTARPO_ARGUMENT", what); };
  if (request.max_tokens < 1) wrong("expected maxTokens of at least 1, got " + std::to_string(request.max_tokens));
  if (!(std::isfinite(request.temperature) && request.temperature > 0))
    wrong("expected a finite temperature above 0, got " + std::to_string(request.temperature));
  if (!(request.top_p > 0 && request.top_p <= 1)) wrong("expected topP above 0 and at most 1, got " + std::to_string(request.top_p));
  if (!(request.min_p >= 0 && request.min_p <= 1)) wrong("expected minP from 0 to 1, got " + std::to_string(request.min_p));
  if (request.top_k < 0) wrong("expected topK of 0 (off) or more, got " + std::to_string(request.top_k));
  for (const int32_t id : request.stop_ids) {
    if (id < 0 || id >= config.vocab_size) {
      throw Error("ASTARPO_TOKEN_RANGE", "expected stop ids below " + std::to_string(config.vocab_size) + ", got " + std::to_string(id));
    }
  }
}

void check_sequence(const Sequence& sequence, const DecoderConfig& config) {
  if (sequence.busy) throw Error("ASTARPO_BUSY", "expected an idle sequence, got one that is generating");
  if (sequence.tokens.empty()) throw Error("ASTARPO_EMPTY_PROMPT", "expected at least one token in the sequence, got none");
  if (static_cast<int64_t>(sequence.tokens.size()) >= config.max_positions) {
    throw Error("ASTARPO_CONTEXT", "expected fewer tokens than the model's " + std::to_string(config.max_positions) + " positions, got " +
                                       std::to_string(sequence.tokens.size()));
  }
  for (const int32_t id : sequence.tokens) {
    if (id < 0 || id >= config.vocab_size) {
      throw Error("ASTARPO_TOKEN_RANGE", "expected token ids below " + std::to_string(config.vocab_size) + ", got " + std::to_string(id));
    }
  }
}

}  // namespace

// Everything that a step fills is kept between steps: a token step of a small model is too short to allocate in.
struct Engine::Impl {
  explicit Impl(std::shared_ptr<Decoder> decoder) : model(std::move(decoder)) { batch.wanted.emplace(); }

  std::shared_ptr<Decoder> model;
  std::vector<std::unique_ptr<Row>> rows;  // waiting and live, in order of arrival
  RowBatch batch;
  std::vector<Row*> sampling;  // rows that get a token in this step, in order of `batch.wanted`
  std::vector<SampleRow> settings;
  std::vector<int32_t> tokens;
  std::vector<float> logps;

  void drop_aborted() {
    for (const auto& row : rows) {
      if (!row->abort || !row->abort->is_set()) continue;
      row->finished = true;
      row->fail("ASTARPO_ABORTED", "the call was aborted");
    }
    drop_finished();
  }

  void drop_finished() {
    std::erase_if(rows, [](const std::unique_ptr<Row>& row) { return row->finished; });
  }

  // Decoding rows take part always; prompts share kPrefillRows, first come first served. A row whose last pending token is in
  // the batch samples in the same step.
  void plan(uint64_t weights_version) {
    batch.tokens.clear();
    batch.segments.clear();
    batch.wanted->clear();
    sampling.clear();
    int64_t budget = kPrefillRows;
    for (const auto& row : rows) {
      Sequence& sequence = row->sequence();
      if (sequence.cache_version != weights_version) {
        sequence.cache.length = 0;
        sequence.cache_version = weights_version;
      }
      // The last token is computed again if its keys are there already: its hidden row is what the next token comes from.
      const auto length = static_cast<int64_t>(sequence.tokens.size());
      sequence.cache.length = std::min(sequence.cache.length, length - 1);
      const int64_t pending = length - sequence.cache.length;
      const int64_t piece = pending == 1 ? 1 : std::min(pending, budget);
      if (piece == 0) continue;
      if (pending != 1) budget -= piece;
      const auto first = sequence.tokens.begin() + sequence.cache.length;
      batch.segments.push_back({static_cast<int64_t>(batch.tokens.size()), piece, &sequence.cache});
      batch.tokens.insert(batch.tokens.end(), first, first + piece);
      if (piece < pending) continue;
      batch.wanted->push_back(static_cast<int32_t>(batch.tokens.size() - 1));
      sampling.push_back(row.get());
    }
  }

  void sample(const at::Tensor& hidden) {
    const int64_t count = static_cast<int64_t>(sampling.size());
    tokens.resize(sampling.size());
    logps.resize(sampling.size());
    const int64_t chunk = std::max<int64_t>(1, kHeadChunkBytes / (model->config().vocab_size * static_cast<int64_t>(sizeof(float))));
    for (int64_t begin = 0; begin < count; begin += chunk) {
      const int64_t rows_here = std::min(chunk, count - begin);
      settings.clear();
      for (int64_t i = begin; i < begin + rows_here; ++i) {
        const Row& row = *sampling[static_cast<size_t>(i)];
        const GenerateRequest& request = row.request;
        settings.push_back({.inverse_temperature = 1.0F / request.temperature,
                            .top_p = request.top_p,
                            .min_p = request.min_p,
                            .top_k = request.top_k,
                            .greedy = request.greedy ? 1 : 0,
                            .uniform = uniform_number(request.seed, row.result.tokens.size())});
      }
      const at::Tensor logits = model->logits(rows_here == count ? hidden : hidden.narrow(0, begin, rows_here));
      ops::sample(logits, settings, tokens.data() + begin, logps.data() + begin);
    }
  }

  void accept(Row& row, int32_t token, float logp, uint64_t weights_version) {
    row.finished = true;
    if (!std::isfinite(logp)) {
      // Damaged weights give NaN for every token; whatever was picked means nothing.
      return row.fail("ASTARPO_NON_FINITE",
                      "expected finite logits, got a token with log-prob " + std::to_string(logp) + ": the weights are damaged");
    }
    Sequence& sequence = row.sequence();
    sequence.tokens.push_back(token);
    row.result.tokens.push_back(token);
    row.result.logp.push_back(logp);
    row.result.version = weights_version;
    if (row.callbacks.token) row.callbacks.token(token, logp);
    const auto& stops = row.request.stop_ids;
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
      row.result.finish = Finish::stop;
    } else if (static_cast<int64_t>(row.result.tokens.size()) >= row.request.max_tokens) {
      row.result.finish = Finish::length;
    } else if (static_cast<int64_t>(sequence.tokens.size()) >= model->config().max_positions) {
      row.result.finish = Finish::context;
    } else {
      row.finished = false;
    }
    if (row.finished) row.succeed();
  }
};

Engine::Engine(std::shared_ptr<Decoder> model) : impl_(std::make_unique<Impl>(std::move(model))) {}
Engine::~Engine() = default;

void Engine::submit(GenerateRequest request, std::shared_ptr<AbortFlag> abort, Callbacks callbacks) {
  check_sampling(request, impl_->model->config());
  check_sequence(*request.sequence, impl_->model->config());
  auto row = std::make_unique<Row>();
  row->prompt_length = request.sequence->tokens.size();
  row->request = std::move(request);
  row->abort = std::move(abort);
  row->callbacks = std::move(callbacks);
  impl_->rows.push_back(std::move(row));
  impl_->rows.back()->sequence().busy = true;
}

bool Engine::step(uint64_t weights_version, const AbortFlag* interrupt) {
  Impl& impl = *impl_;
  impl.drop_aborted();
  if (impl.rows.empty()) return false;
  impl.plan(weights_version);
  const at::Tensor hidden = impl.model->forward(impl.batch, nullptr, interrupt);
  if (!impl.sampling.empty()) impl.sample(hidden);
  for (size_t i = 0; i < impl.sampling.size(); ++i) impl.accept(*impl.sampling[i], impl.tokens[i], impl.logps[i], weights_version);
  impl.drop_finished();
  return !impl.rows.empty();
}

bool Engine::idle() const { return impl_->rows.empty(); }

void Engine::fail_all(const std::string& code, const std::string& message) {
  const auto rows = std::exchange(impl_->rows, {});
  for (const auto& row : rows) row->fail(code, message);
}

}  // namespace astarpo
