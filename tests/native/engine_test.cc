// The engine against itself: whatever shares a batch, arrives late, is cut into pieces or lives on between turns, the ids and
// log-probs of a request are those that it gets alone (reproducible mode, bit for bit).
#include "native/engine/engine.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "native/random.h"
#include "native/train/pass.h"
#include "tests/native/model_fixtures.h"

namespace astarpo {
namespace {

const DecoderConfig kConfig{.vocab_size = 97,
                            .hidden_size = 32,
                            .intermediate_size = 48,
                            .layers = 2,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 8,
                            .max_positions = 4096,
                            .rms_norm_eps = 1e-6,
                            .rope_frequencies = testing::rope_frequencies(10000, 8),
                            .qkv_bias = true,
                            .tied_head = true};

std::shared_ptr<Decoder> make_decoder(const DecoderConfig& config = kConfig, uint64_t seed = 5) {
  auto decoder = std::make_shared<Decoder>(config, ModelOptions{.reproducible = true});
  decoder->parameters().initialize(seed, 0.4);
  return decoder;
}

std::vector<int32_t> prompt(int64_t length, uint64_t seed) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < length; ++i)
    tokens.push_back(static_cast<int32_t>(uniform_number(seed, static_cast<uint64_t>(i)) * kConfig.vocab_size));
  return tokens;
}

std::shared_ptr<Sequence> make_sequence(std::vector<int32_t> tokens) {
  auto sequence = std::make_shared<Sequence>();
  sequence->tokens = std::move(tokens);
  return sequence;
}

GenerateRequest request_for(std::shared_ptr<Sequence> sequence, uint64_t seed, int64_t max_tokens = 12) {
  GenerateRequest request;
  request.sequence = std::move(sequence);
  request.max_tokens = max_tokens;
  request.seed = seed;
  request.top_p = 0.9F;
  return request;
}

struct Outcome {
  std::optional<GenerateResult> result;
  std::string code;
  std::vector<int32_t> streamed;
};

// Queues a request whose end is written to `outcome`, which must outlive it.
void submit(Engine& engine, GenerateRequest request, Outcome& outcome, std::shared_ptr<AbortFlag> abort = nullptr) {
  engine.submit(std::move(request), std::move(abort),
                {.done = [&outcome](GenerateResult result) { outcome.result = std::move(result); },
                 .failed = [&outcome](const std::string& code, const std::string&) { outcome.code = code; },
                 .token = [&outcome](int32_t token, float) { outcome.streamed.push_back(token); }});
}

void run(Engine& engine, uint64_t version = 1) {
  while (engine.step(version)) {
  }
}

GenerateResult alone(const std::shared_ptr<Decoder>& decoder, GenerateRequest request, uint64_t version = 1) {
  Engine engine(decoder);
  Outcome outcome;
  submit(engine, std::move(request), outcome);
  run(engine, version);
  EXPECT_TRUE(outcome.result.has_value()) << outcome.code;
  return std::move(outcome.result).value_or(GenerateResult{});
}

void expect_same(const GenerateResult& got, const GenerateResult& expected) {
  EXPECT_EQ(got.tokens, expected.tokens);
  EXPECT_EQ(got.logp, expected.logp);
  EXPECT_EQ(got.finish, expected.finish);
}

template <class Act>
std::string code_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return "none";
}

TEST(Random, UniformNumbersAreInRangeAndIndependentOfNeighbours) {
  double sum = 0;
  std::set<double> seen;
  for (uint64_t i = 0; i < 10000; ++i) {
    const double u = uniform_number(42, i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    seen.insert(u);
  }
  EXPECT_EQ(seen.size(), 10000U);
  EXPECT_NEAR(sum / 10000, 0.5, 4 * std::sqrt(1.0 / 12 / 10000));
  EXPECT_NE(uniform_number(42, 1), uniform_number(43, 0));
  EXPECT_NE(uniform_number(42, 1), uniform_number(43, 1));
}

TEST(Engine, MixedBatchEqualsEachAlone) {
  const auto decoder = make_decoder();
  const std::vector<int64_t> lengths{1, 3, 64, 65, 200, 2, 17};
  Engine engine(decoder);
  std::vector<Outcome> outcomes(lengths.size());
  // Arrival in the middle, too: every request is queued one step after the one before.
  for (size_t i = 0; i < lengths.size(); ++i) {
    submit(engine, request_for(make_sequence(prompt(lengths[i], i)), 100 + i, 10 + static_cast<int64_t>(i)), outcomes[i]);
    engine.step(1);
  }
  run(engine);
  EXPECT_TRUE(engine.idle());
  for (size_t i = 0; i < lengths.size(); ++i) {
    SCOPED_TRACE(i);
    ASSERT_TRUE(outcomes[i].result.has_value());
    expect_same(*outcomes[i].result,
                alone(decoder, request_for(make_sequence(prompt(lengths[i], i)), 100 + i, 10 + static_cast<int64_t>(i))));
    EXPECT_EQ(outcomes[i].streamed, outcomes[i].result->tokens);
  }
}

TEST(Engine, SampledLogProbsAreThoseOfScoring) {
  const auto decoder = make_decoder();
  GenerateRequest request = request_for(make_sequence(prompt(20, 3)), 7, 16);
  request.temperature = 0.7F;
  request.top_k = 5;
  const auto sequence = request.sequence;
  const GenerateResult result = alone(decoder, std::move(request));
  PackedBatch batch;
  batch.tokens = sequence->tokens;
  batch.offsets = {0, static_cast<int32_t>(batch.tokens.size())};
  batch.mask.assign(batch.tokens.size(), 0);
  std::fill(batch.mask.begin() + 20, batch.mask.end(), 1);
  batch.temperature = {0.7F};
  const std::vector<float> scored = forward(*decoder, batch, {}, nullptr).logp;
  ASSERT_EQ(scored.size(), result.logp.size());
  for (size_t i = 0; i < scored.size(); ++i) EXPECT_NEAR(result.logp[i], scored[i], 2e-5) << i;
}

TEST(Engine, LongPromptIsPrefilledInPiecesBesideDecoding) {
  const auto decoder = make_decoder();
  const int64_t length = kPrefillRows + 300;
  Engine engine(decoder);
  Outcome small, large, other;
  submit(engine, request_for(make_sequence(prompt(5, 1)), 1, 6), small);
  engine.step(1);
  submit(engine, request_for(make_sequence(prompt(length, 2)), 2, 3), large);
  submit(engine, request_for(make_sequence(prompt(4, 3)), 3, 3), other);
  engine.step(1);
  EXPECT_EQ(small.streamed.size(), 2U);  // decoding went on
  EXPECT_TRUE(large.streamed.empty());   // its prompt takes two steps
  EXPECT_TRUE(other.streamed.empty());   // no room was left for its prompt
  engine.step(1);
  EXPECT_EQ(large.streamed.size(), 1U);
  EXPECT_EQ(other.streamed.size(), 1U);
  run(engine);
  expect_same(*large.result, alone(decoder, request_for(make_sequence(prompt(length, 2)), 2, 3)));
  expect_same(*other.result, alone(decoder, request_for(make_sequence(prompt(4, 3)), 3, 3)));
}

TEST(Engine, KeptKeysEqualFreshPrefill) {
  const auto decoder = make_decoder();
  const auto sequence = make_sequence(prompt(30, 9));
  std::vector<int32_t> tokens = sequence->tokens;
  for (uint64_t turn = 0; turn < 3; ++turn) {
    SCOPED_TRACE(turn);
    const GenerateResult kept = alone(decoder, request_for(sequence, turn));
    expect_same(kept, alone(decoder, request_for(make_sequence(tokens), turn)));
    tokens.insert(tokens.end(), kept.tokens.begin(), kept.tokens.end());
    EXPECT_EQ(sequence->tokens, tokens);
    EXPECT_EQ(sequence->cache.length, static_cast<int64_t>(tokens.size()) - 1);  // the last token has no keys yet
    const auto observation = prompt(7, 50 + turn);
    tokens.insert(tokens.end(), observation.begin(), observation.end());
    sequence->tokens = tokens;
  }
}

TEST(Engine, ForkGoesItsOwnWay) {
  const auto decoder = make_decoder();
  const auto first = make_sequence(prompt(40, 4));
  alone(decoder, request_for(first, 1));
  const auto second = std::make_shared<Sequence>();
  second->tokens = first->tokens;
  second->cache = first->cache.clone();
  second->cache_version = first->cache_version;
  const auto tokens = first->tokens;
  const GenerateResult a = alone(decoder, request_for(first, 2)), b = alone(decoder, request_for(second, 3));
  expect_same(a, alone(decoder, request_for(make_sequence(tokens), 2)));
  expect_same(b, alone(decoder, request_for(make_sequence(tokens), 3)));
  EXPECT_NE(a.tokens, b.tokens);
}

TEST(Engine, AbortLeavesOthersUnchangedAndRestoresItsSequence) {
  const auto decoder = make_decoder();
  Engine engine(decoder);
  const auto flag = std::make_shared<AbortFlag>();
  const auto aborted = make_sequence(prompt(25, 1));
  Outcome gone, stays, early;
  submit(engine, request_for(aborted, 1, 50), gone, flag);
  submit(engine, request_for(make_sequence(prompt(9, 2)), 2, 20), stays);
  for (int i = 0; i < 5; ++i) engine.step(1);
  EXPECT_TRUE(aborted->busy);
  flag->set();
  run(engine);
  EXPECT_EQ(gone.code, "ASTARPO_ABORTED");
  EXPECT_FALSE(gone.result.has_value());
  expect_same(*stays.result, alone(decoder, request_for(make_sequence(prompt(9, 2)), 2, 20)));
  EXPECT_EQ(aborted->tokens, prompt(25, 1));
  EXPECT_FALSE(aborted->busy);
  // Its keys are all there, none is missing: the next request starts from the prompt's last token.
  expect_same(alone(decoder, request_for(aborted, 8)), alone(decoder, request_for(make_sequence(prompt(25, 1)), 8)));

  submit(engine, request_for(make_sequence(prompt(5, 5)), 5), early, flag);  // aborted before its first step
  EXPECT_FALSE(engine.step(1));
  EXPECT_EQ(early.code, "ASTARPO_ABORTED");
  EXPECT_TRUE(early.streamed.empty());
}

TEST(Engine, InterruptedStepCanBeTakenAgain) {
  const auto decoder = make_decoder();
  Engine engine(decoder);
  Outcome outcome;
  submit(engine, request_for(make_sequence(prompt(12, 6)), 6), outcome);
  engine.step(1);
  AbortFlag interrupt;
  interrupt.set();
  EXPECT_EQ(code_of([&] { engine.step(1, &interrupt); }), "ASTARPO_ABORTED");
  EXPECT_FALSE(engine.idle());
  run(engine);
  expect_same(*outcome.result, alone(decoder, request_for(make_sequence(prompt(12, 6)), 6)));
}

TEST(Engine, FailAllRejectsEveryRowOnce) {
  const auto decoder = make_decoder();
  Engine engine(decoder);
  std::vector<Outcome> outcomes(3);
  const auto sequence = make_sequence(prompt(6, 0));
  submit(engine, request_for(sequence, 0), outcomes[0]);
  submit(engine, request_for(make_sequence(prompt(6, 1)), 1), outcomes[1]);
  engine.step(1);
  submit(engine, request_for(make_sequence(prompt(6, 2)), 2), outcomes[2]);
  engine.fail_all("ASTARPO_DISPOSED", "gone");
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.code, "ASTARPO_DISPOSED");
  EXPECT_TRUE(engine.idle());
  EXPECT_FALSE(engine.step(1));
  EXPECT_EQ(sequence->tokens, prompt(6, 0));
}

TEST(Engine, SeedsDecideAndRepeat) {
  const auto decoder = make_decoder();
  std::set<std::vector<int32_t>> different;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const GenerateResult first = alone(decoder, request_for(make_sequence(prompt(10, 1)), seed, 8));
    expect_same(first, alone(decoder, request_for(make_sequence(prompt(10, 1)), seed, 8)));
    different.insert(first.tokens);
  }
  EXPECT_GE(different.size(), 7U);
}

TEST(Engine, GreedyIgnoresTheSeed) {
  const auto decoder = make_decoder();
  GenerateRequest first = request_for(make_sequence(prompt(10, 1)), 1, 8), second = request_for(make_sequence(prompt(10, 1)), 2, 8);
  first.greedy = second.greedy = true;
  expect_same(alone(decoder, std::move(first)), alone(decoder, std::move(second)));
}

TEST(Engine, StopIdEndsTheTurnAndIsKept) {
  const auto decoder = make_decoder();
  const GenerateResult free = alone(decoder, request_for(make_sequence(prompt(10, 2)), 4, 12));
  ASSERT_EQ(free.finish, Finish::length);
  ASSERT_EQ(free.tokens.size(), 12U);
  GenerateRequest request = request_for(make_sequence(prompt(10, 2)), 4, 12);
  request.stop_ids = {free.tokens[5], 96};
  const GenerateResult stopped = alone(decoder, std::move(request));
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), free.tokens[5]);
  EXPECT_EQ(stopped.finish, Finish::stop);
  EXPECT_EQ(stopped.tokens, std::vector<int32_t>(free.tokens.begin(), first + 1));
}

TEST(Engine, ContextEndsGenerationAtTheLastPosition) {
  DecoderConfig config = kConfig;
  config.max_positions = 32;
  const auto decoder = make_decoder(config);
  const auto sequence = make_sequence(prompt(25, 2));
  const GenerateResult result = alone(decoder, request_for(sequence, 4, 100));
  EXPECT_EQ(result.finish, Finish::context);
  EXPECT_EQ(result.tokens.size(), 7U);
  EXPECT_EQ(sequence->tokens.size(), 32U);
  Engine engine(decoder);
  Outcome outcome;
  EXPECT_EQ(code_of([&] { submit(engine, request_for(sequence, 1), outcome); }), "ASTARPO_CONTEXT");
}

TEST(Engine, AnotherWeightsVersionPrefillsAgain) {
  const auto decoder = make_decoder();
  const auto sequence = make_sequence(prompt(20, 2));
  EXPECT_EQ(alone(decoder, request_for(sequence, 1), 1).version, 1U);
  const auto tokens = sequence->tokens;
  decoder->parameters().initialize(77, 0.4);
  const auto stale = std::make_shared<Sequence>();
  stale->tokens = tokens;
  stale->cache = sequence->cache.clone();
  stale->cache_version = 2;  // a lie: keys of the old weights under the new version
  const GenerateResult fresh = alone(decoder, request_for(make_sequence(tokens), 2), 2);
  const GenerateResult again = alone(decoder, request_for(sequence, 2), 2);
  EXPECT_EQ(again.version, 2U);
  expect_same(again, fresh);
  EXPECT_NE(alone(decoder, request_for(stale, 2), 2).logp, fresh.logp);  // the test can see old keys
}

TEST(Engine, LogitsThatAreNotFiniteRejectTheRow) {
  const auto decoder = make_decoder();
  Parameters& parameters = decoder->parameters();
  parameters.all[static_cast<size_t>(parameters.final_norm)].value.fill_(NAN);
  for (const bool greedy : {false, true}) {
    Engine engine(decoder);
    Outcome outcome;
    const auto sequence = make_sequence(prompt(4, 1));
    GenerateRequest request = request_for(sequence, 1);
    request.greedy = greedy;
    submit(engine, std::move(request), outcome);
    EXPECT_FALSE(engine.step(1));
    EXPECT_EQ(outcome.code, "ASTARPO_NON_FINITE");
    EXPECT_TRUE(outcome.streamed.empty());
    EXPECT_EQ(sequence->tokens, prompt(4, 1));
  }
}

TEST(Engine, RequestsAreChecked) {
  const auto decoder = make_decoder();
  Engine engine(decoder);
  Outcome outcome;
  const auto refuse = [&](const std::function<void(GenerateRequest&)>& spoil) {
    GenerateRequest request = request_for(make_sequence(prompt(4, 1)), 1);
    spoil(request);
    return code_of([&] { submit(engine, request, outcome); });
  };
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.sequence->tokens.clear(); }), "ASTARPO_EMPTY_PROMPT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.sequence->tokens[2] = 97; }), "ASTARPO_TOKEN_RANGE");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.sequence->tokens[2] = -1; }), "ASTARPO_TOKEN_RANGE");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.stop_ids = {97}; }), "ASTARPO_TOKEN_RANGE");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.max_tokens = 0; }), "ASTARPO_ARGUMENT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.temperature = 0; }), "ASTARPO_ARGUMENT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.temperature = NAN; }), "ASTARPO_ARGUMENT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.top_p = 0; }), "ASTARPO_ARGUMENT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.min_p = 1.5F; }), "ASTARPO_ARGUMENT");
  EXPECT_EQ(refuse([](GenerateRequest& r) { r.top_k = -1; }), "ASTARPO_ARGUMENT");
  EXPECT_TRUE(engine.idle());
  const auto sequence = make_sequence(prompt(4, 1));
  submit(engine, request_for(sequence, 1), outcome);
  EXPECT_EQ(code_of([&] { submit(engine, request_for(sequence, 1), outcome); }), "ASTARPO_BUSY");
  engine.fail_all("ASTARPO_DISPOSED", "end of the test");
}

}  // namespace
}  // namespace astarpo
