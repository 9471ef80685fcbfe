// SPDX-License-Identifier: Apache-2.0
// The gateway while models are swapped in a running core: predictions, models, features and predict tell of the pack that is meant.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "adapters/journal/journal_reader.hpp"
#include "core/base/hash.hpp"
#include "core/event/payloads.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/model_specs.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/gateway/champion.hpp"
#include "tools/gateway/feature_view.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecondNs = 1'000'000'000;

// A core on the simulator with a model, and a second pack that can take its place.
class SwapTest : public ::testing::Test {
 protected:
  SwapTest() {
    first_ = write("model.ttm", 7, 60 * kSecondNs);
    second_ = write("second.ttm", 8, kSecondNs);
    std::ofstream(folder_.path() + "/thintail.toml")
        << "[core]\ninstance = \"swapped\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
        << "\"\nevents_slots = 16384\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
        << "instruments = [\"BTCUSD\"]\nticks_per_second = 200\n[model]\npath = \"" << folder_.path()
        << "/model.ttm\"\n[strategy]\nkind = \"model_edge\"\n[journal]\ndirectory = \"" << journals() << "\"\n";
    core_.emplace(start_thintail({"run", "--config", folder_.path() + "/thintail.toml"}));
  }
  std::string write(const std::string& name, std::uint64_t seed, std::int64_t horizon_ns) {
    pack::DecisionModelSpec spec = random_trees_spec(FeatureSet::core_32(), 20, 4, seed);
    spec.meaning.horizon_ns = horizon_ns;
    spec.mandatory = LaneMask{};  // else it takes minutes until a first score
    const auto loaded = load_decision_model(write_pack(folder_.path(), spec, name));
    EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().message());
    return loaded ? to_hex(loaded->digest) : "";
  }
  std::string journals() const { return folder_.path() + "/journal"; }
  void promote() { std::filesystem::rename(folder_.path() + "/second.ttm", folder_.path() + "/model.ttm"); }
  static json prediction(const GatewayDesk& desk) {
    return desk.get("/api/v1/predictions/BTCUSD").json().value("prediction", json());
  }
  static bool is_made_by(const GatewayDesk& desk, const std::string& sha256) {
    const json newest = prediction(desk);
    return newest.is_object() && newest["model_sha256"] == sha256 && newest["state"] == "valid";
  }
  void stop() {
    core_->signal(SIGTERM);
    EXPECT_EQ(core_->wait().exit_code, 0);
  }
  std::vector<Event> events() const {
    std::vector<Event> events;
    auto reader = JournalReader::open(journals() + "/swapped");
    EXPECT_TRUE(reader.has_value());
    Event event{};
    while (reader && reader->poll(event)) events.push_back(event);
    return events;
  }

  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  std::string first_;
  std::string second_;
  std::optional<Process> core_;
};

TEST_F(SwapTest, what_the_gateway_tells_follows_the_pack_in_force) {
  // It is told of no model: the packs come from the store beside the journals.
  GatewayDesk desk("swapped", shm_.path(), journals());
  ASSERT_TRUE(soon([&] { return is_made_by(desk, first_); })) << prediction(desk) << core_->err();
  ASSERT_TRUE(soon([&] { return desk.get("/api/v1/features/BTCUSD").json()["is_engines"] == true; }))
      << desk.get("/api/v1/features/BTCUSD").body;
  EXPECT_EQ(prediction(desk)["horizon_ns"], std::to_string(60 * kSecondNs));
  json models;
  ASSERT_TRUE(soon([&] {
    models = desk.get("/api/v1/models").json()["items"];
    return models.size() == 1;
  })) << models;
  EXPECT_EQ(models[0]["sha256"], first_);
  EXPECT_EQ(models[0]["role"], "champion");
  EXPECT_EQ(models[0]["horizon_ns"], std::to_string(60 * kSecondNs));
  EXPECT_TRUE(models[0]["reason"].is_null());

  // One row of the history a second: the first one's have to be among them.
  ASSERT_TRUE(soon([&] { return desk.get("/api/v1/predictions/BTCUSD/history").json()["items"].size() >= 3; }));
  promote();
  ASSERT_TRUE(soon([&] { return is_made_by(desk, second_); })) << prediction(desk) << core_->err();
  ASSERT_TRUE(soon([&] { return prediction(desk)["horizon_ns"] == std::to_string(kSecondNs); })) << prediction(desk);
  ASSERT_TRUE(soon([&] {
    models = desk.get("/api/v1/models").json()["items"];
    return models.size() == 2;
  })) << models;
  std::map<std::string, json> by_role;
  for (const json& model : models) by_role[model["role"]] = model;
  EXPECT_EQ(by_role["champion"]["sha256"], second_);
  EXPECT_EQ(by_role["champion"]["state"], "active");
  EXPECT_EQ(by_role["champion"]["horizon_ns"], std::to_string(kSecondNs));
  EXPECT_EQ(by_role["retired"]["sha256"], first_);

  // Rows are scored by the new one, and by no other.
  json features;
  ASSERT_TRUE(soon([&] {
    features = desk.get("/api/v1/features/BTCUSD").json();
    return features["is_engines"] == true;
  }));
  json row = json::array();
  for (const json& lane : features["items"]) row.push_back(lane["value"]);
  const json scored = desk.post("/api/v1/predict", {{"feature_set", "core-32"}, {"values", {row}}}).json();
  EXPECT_EQ(scored["model_sha256"], second_) << scored;
  EXPECT_EQ(desk.post("/api/v1/predict", {{"values", {row}}, {"model", first_}}).status, 422);
  EXPECT_EQ(desk.post("/api/v1/predict", {{"symbol", "BTCUSD"}}).json()["model_sha256"], second_);

  // Each prediction keeps the name and the horizon of what made it; the short one's outcomes come soon.
  json outcome;
  ASSERT_TRUE(soon([&] {
    const json page = desk.get("/api/v1/predictions/BTCUSD/history?limit=10000").json();
    for (const json& item : page["items"]) {
      EXPECT_TRUE(item["model_sha256"] == first_ || item["model_sha256"] == second_) << item;
      EXPECT_EQ(item["horizon_ns"], std::to_string(item["model_sha256"] == first_ ? 60 * kSecondNs : kSecondNs));
      if (item["model_sha256"] == second_) outcome = item["outcome"];
      if (outcome == "right" || outcome == "wrong") return true;
    }
    return false;
  }));
  stop();
  bool is_found = false;
  for (const Event& event : events()) {
    if (event.type != EventType::prediction) continue;
    const auto told = event.as<Prediction>();
    if (std::to_string(told.cause) != features["sequence"]) continue;
    is_found = true;
    EXPECT_EQ(told.score, scored["scores"][0].get<float>());
  }
  EXPECT_TRUE(is_found);

  // A gateway that comes later names them as well, from the journal.
  GatewayDesk later("swapped", shm_.path(), journals());
  ASSERT_TRUE(
      soon([&] { return later.get("/api/v1/predictions/BTCUSD").json().value("prediction", json()).is_object(); }));
  std::map<std::string, int> counts;
  const json history = later.get("/api/v1/predictions/BTCUSD/history?limit=10000").json();
  for (const json& item : history["items"]) {
    if (item["model_sha256"].is_string()) ++counts[item["model_sha256"]];
  }
  EXPECT_GT(counts[first_], 0);
  EXPECT_GT(counts[second_], 0);
  EXPECT_EQ(counts.size(), 2u);
}

TEST_F(SwapTest, a_score_as_of_a_time_is_the_engines_own_bit_for_bit) {
  GatewayDesk desk("swapped", shm_.path(), journals());
  ASSERT_TRUE(soon([&] { return is_made_by(desk, first_); }));
  promote();
  ASSERT_TRUE(soon([&] { return is_made_by(desk, second_); }));
  const std::string while_it_runs = desk.get("/api/v1/quotes/BTCUSD").json()["quote"]["time_ns"];
  const json live = desk.post("/api/v1/predict", {{"symbol", "btcusd"}, {"at", while_it_runs}}).json();
  EXPECT_EQ(live["time_ns"], while_it_runs) << "the journal of a run that is being written is waited for: " << live;
  stop();
  const std::vector<Event> all = events();
  std::vector<Event> told;
  std::map<std::uint16_t, std::string> slots;
  std::vector<std::string> makers;
  for (const Event& event : all) {
    if (event.type == EventType::model) slots[event.as<Model>().slot] = to_hex(event.as<Model>().sha256);
    if (event.type != EventType::prediction || event.as<Prediction>().state != PredictionState::valid) continue;
    if (!told.empty() && told.back().time_ns == event.time_ns) {
      told.pop_back();
      makers.pop_back();
    }
    told.push_back(event);
    makers.push_back(slots[event.as<Prediction>().model_slot]);
  }
  ASSERT_GT(told.size(), 20u);
  ASSERT_NE(makers.front(), makers.back()) << "both packs spoke";
  for (std::size_t i = 0; i < told.size(); i += told.size() / 12) {
    const auto prediction = told[i].as<Prediction>();
    // A moment later, before anything else happened, is the same.
    const std::int64_t at_ns = told[i].time_ns;
    const HttpReply reply = desk.post("/api/v1/predict", {{"symbol", "BTCUSD"}, {"at", std::to_string(at_ns)}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    const json shown = reply.json();
    EXPECT_EQ(shown["sequence"], std::to_string(prediction.cause));
    EXPECT_EQ(shown["time_ns"], std::to_string(told[i].time_ns));
    EXPECT_EQ(shown["model_sha256"], makers[i]);
    EXPECT_EQ(shown["is_engines"], true);
    ASSERT_EQ(shown["scores"].size(), 1u);
    EXPECT_EQ(shown["scores"][0].get<float>(), prediction.score) << "at " << at_ns;
  }
  const auto refused = [&](const json& body) { return desk.post("/predict", body); };
  const HttpReply early = refused({{"symbol", "BTCUSD"}, {"at", "1398988800000000000"}});
  EXPECT_EQ(early.status, 422);
  EXPECT_NE(early.body.find(std::to_string(all.front().time_ns)), std::string::npos)
      << "it names what is kept: " << early.body;
  EXPECT_EQ(refused({{"symbol", "BTCUSD"}, {"at", "9000000000000000000"}}).status, 422) << "yet to come";
  EXPECT_EQ(refused({{"symbol", "BTCUSD"}, {"at", "today"}}).status, 422);
  EXPECT_EQ(refused({{"symbol", "GBPUSD"}, {"at", while_it_runs}}).status, 404);
  EXPECT_EQ(refused({{"values", json::array()}, {"at", while_it_runs}}).status, 422);
}

TEST_F(SwapTest, of_a_pack_that_is_nowhere_the_digest_and_the_reason_are_told) {
  {
    GatewayDesk desk("swapped", shm_.path(), journals());
    ASSERT_TRUE(soon([&] { return is_made_by(desk, first_); }));
  }
  stop();
  std::filesystem::remove_all(journals() + "/swapped/models");
  GatewayDesk desk("swapped", shm_.path(), journals(), folder_.path() + "/second.ttm");
  ASSERT_TRUE(
      soon([&] { return prediction(desk).is_object() && !desk.get("/api/v1/models").json()["items"].empty(); }));
  ASSERT_TRUE(soon([&] {
    return desk.get("/api/v1/models").json()["items"][0]["reason"].dump().find(first_) != std::string::npos;
  })) << desk.get("/api/v1/models").body;
  const json model = desk.get("/api/v1/models").json()["items"][0];
  EXPECT_EQ(model["sha256"], first_) << "not the one that the gateway was given";
  EXPECT_TRUE(model["name"].is_null());
  EXPECT_TRUE(model["horizon_ns"].is_null());
  const json newest = prediction(desk);
  EXPECT_EQ(newest["model_sha256"], first_);
  EXPECT_TRUE(newest["horizon_ns"].is_null());
  EXPECT_TRUE(newest["model_reason"].is_string());
  const json features = desk.get("/api/v1/features/BTCUSD").json();
  EXPECT_TRUE(features["feature_set"].is_null());
  EXPECT_EQ(features["reason"], "model_unknown");
  EXPECT_EQ(desk.post("/api/v1/predict", {{"values", json::array({json::array()})}}).status, 409);
}

TEST(ChampionBook, a_run_with_a_pack_that_made_room_for_others_has_its_features_all_the_same) {
  TempFolder folder;
  const ModelStore store = ModelStore::beside(folder.path());
  std::vector<Sha256Digest> packs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const auto spec = random_trees_spec(FeatureSet::core_32(), 2, 2, seed);
    const std::string path = write_pack(folder.path(), spec, fmt::format("{}.ttm", seed));
    const auto loaded = load_decision_model(path);
    ASSERT_TRUE(loaded.has_value());
    ASSERT_TRUE(store.keep_file(path, loaded->digest).has_value());
    packs.push_back(loaded->digest);
  }
  gateway::SharedModel model;
  gateway::ChampionBook book(model, folder.path(), "");
  gateway::FeatureView view([&](const Sha256Digest& digest) { return book.set_of(digest); });
  EXPECT_EQ(book.set_of(packs[0]), nullptr);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(book.fetch(packs[i]).has_value());
  EXPECT_NE(book.find(packs[0]), nullptr) << "four stay, and this one was used last";
  ASSERT_TRUE(book.fetch(packs[4]).has_value());
  EXPECT_NE(book.find(packs[0]), nullptr);
  EXPECT_EQ(book.find(packs[1]), nullptr);
  EXPECT_EQ(book.set_of(packs[5]), nullptr);

  std::uint64_t sequence = 0;
  const auto take = [&](const Event& made) {
    Event event = made;
    event.sequence = ++sequence;
    view.take(event);
  };
  take(Event::make(kSecondNs, kNoInstrument, Session{SessionState::started, 0, 1, 0, {}}));
  take(Event::make(kSecondNs, kNoInstrument, Model{0, ModelStage::live, 1, packs[1]}));
  take(Event::make(2 * kSecondNs, kNoInstrument, Timer{}));
  EXPECT_NE(view.set(), nullptr) << "it waits for a pack that nobody loads";
}

}  // namespace
}  // namespace thintail::test
