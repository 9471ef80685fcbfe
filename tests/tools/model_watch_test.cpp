// SPDX-License-Identifier: Apache-2.0
// A model file that is replaced while a core runs: good, broken, foreign, half-written, again and again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/daemon/model_watch.hpp"

namespace thintail::test {
namespace {

std::string bytes_of(const std::string& path) {
  auto bytes = read_whole_file(path, model_reading("reading a test's model"));
  EXPECT_TRUE(bytes) << bytes.error().message();
  return std::move(bytes).value_or("");
}

void write_in_place(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class ModelWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(first_.is_loaded()) << first_.why_not();
    ASSERT_TRUE(second_.is_loaded()) << second_.why_not();
    promote(bytes_of(first_.path()));
    watch_.emplace(ModelWatchOptions{.path = path_,
                                     .instruments = 2,
                                     .in_force = first_.loaded().digest,
                                     .store = store_,
                                     .decode =
                                         [this](std::string_view bytes, const std::string& file) {
                                           ++decoded_;
                                           return decode_decision_model(bytes, file, best_isa(),
                                                                        first_.loaded().features);
                                         }},
                   offers_);
  }
  void promote(std::string_view bytes) { ASSERT_TRUE(replace_file(path_, bytes, "promoting a test's model")); }
  // Two looks: a file that may still be being written is left alone at the first.
  void look() {
    for (int i = 0; i < 2; ++i) watch_->do_work(++now_ns_);
  }
  // What the engine does; the event that it took.
  std::optional<Model> take() {
    const ModelOffer* offer = offers_.poll();
    if (offer == nullptr) return std::nullopt;
    const Model event = offer->event;
    EXPECT_EQ(offer->predictor->model().digest, event.sha256);
    offers_.taken();
    watch_->do_work(++now_ns_);
    return event;
  }

  TempFolder folder_;
  std::string path_ = folder_.path() + "/model.ttm";
  ModelStore store_{folder_.path() + "/models"};
  SmallModel first_{3.0};
  SmallModel second_{9.0};
  ModelOffers offers_;
  std::optional<ModelWatch> watch_;
  std::int64_t now_ns_ = 0;
  int decoded_ = 0;
};

TEST_F(ModelWatchTest, a_file_that_nobody_touches_is_read_once) {
  for (int i = 0; i < 10; ++i) look();
  EXPECT_EQ(decoded_, 1) << "it may have been replaced since the start read it";
  EXPECT_FALSE(take());
}

TEST_F(ModelWatchTest, a_file_that_was_replaced_before_the_first_look_comes_into_force) {
  promote(bytes_of(second_.path()));
  look();
  const auto flip = take();
  ASSERT_TRUE(flip);
  EXPECT_EQ(flip->sha256, second_.loaded().digest);
}

TEST_F(ModelWatchTest, a_replaced_file_comes_into_force_in_the_other_slot_and_is_kept_for_replay) {
  promote(bytes_of(second_.path()));
  look();
  ASSERT_TRUE(store_.has(second_.loaded().digest)) << "before any event names it";
  const auto flip = take();
  ASSERT_TRUE(flip);
  EXPECT_EQ(flip->slot, 1);
  EXPECT_EQ(flip->stage, ModelStage::live);
  EXPECT_EQ(flip->version, 2u);
  EXPECT_EQ(flip->sha256, second_.loaded().digest);
  EXPECT_EQ(watch_->swapped(), 1u);
  EXPECT_EQ(bytes_of(store_.path_of(flip->sha256)), bytes_of(second_.path()));

  promote(bytes_of(first_.path()));
  look();
  const auto back = take();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->slot, 0);
  EXPECT_EQ(back->version, 3u);
}

TEST_F(ModelWatchTest, the_model_in_force_under_a_new_date_changes_nothing) {
  look();
  promote(bytes_of(first_.path()));
  look();
  EXPECT_EQ(decoded_, 2);
  EXPECT_FALSE(take());
  EXPECT_EQ(watch_->refused(), 0u);
}

TEST_F(ModelWatchTest, broken_files_are_refused_once_each_and_the_next_good_one_is_taken) {
  const std::string good = bytes_of(second_.path());
  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  std::uint64_t refused = 0;
  for (const std::string& bad : {std::string(), std::string("no model"), good.substr(0, good.size() / 2), flipped}) {
    promote(bad);
    look();
    EXPECT_EQ(watch_->refused(), ++refused);
    look();
    EXPECT_EQ(watch_->refused(), refused) << "the same file is not read again";
    EXPECT_FALSE(take());
  }
  std::filesystem::remove(path_);
  look();
  EXPECT_EQ(watch_->refused(), refused) << "a file that is gone is none";
  promote(good);
  look();
  EXPECT_TRUE(take());
}

TEST_F(ModelWatchTest, a_file_that_is_still_being_written_is_left_alone_until_it_rests) {
  const std::string good = bytes_of(second_.path());
  for (std::size_t cut = 0; cut < good.size(); cut += good.size() / 8 + 1) {
    write_in_place(path_, good.substr(0, cut));
    watch_->do_work(++now_ns_);
  }
  write_in_place(path_, good);
  watch_->do_work(++now_ns_);
  EXPECT_EQ(decoded_, 0);
  watch_->do_work(++now_ns_);
  EXPECT_EQ(decoded_, 1);
  EXPECT_TRUE(take());
  EXPECT_EQ(watch_->refused(), 0u);
}

TEST_F(ModelWatchTest, while_the_engine_has_not_taken_a_model_the_next_one_waits) {
  promote(bytes_of(second_.path()));
  look();
  promote(bytes_of(first_.path()));
  look();
  look();
  EXPECT_EQ(decoded_, 1) << "the slot that it would go into is on its way";
  ASSERT_TRUE(take());
  look();
  EXPECT_EQ(decoded_, 2);
  const auto flip = take();
  ASSERT_TRUE(flip);
  EXPECT_EQ(flip->sha256, first_.loaded().digest);
}

}  // namespace
}  // namespace thintail::test
