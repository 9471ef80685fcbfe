// SPDX-License-Identifier: Apache-2.0
// KeyPath: where in a document a reader stands, for its errors: "learner.trees[3].left_children[7]".
//   path  cold
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

class KeyPath {
 public:
  void enter(std::string_view key) { parts_.push_back({key, 0, false}); }
  void enter(std::size_t index) { parts_.push_back({{}, index, true}); }
  void leave() { parts_.pop_back(); }

  std::string text() const {
    std::string out;
    for (const Part& part : parts_) {
      if (part.is_index) {
        out += fmt::format("[{}]", part.index);
      } else {
        out += fmt::format("{}{}", out.empty() ? "" : ".", printable(part.key, 40));
      }
    }
    return out;
  }

 private:
  struct Part {
    std::string_view key;
    std::size_t index;
    bool is_index;
  };
  std::vector<Part> parts_;
};

// The keys of one object. A bound on their number bounds what a hostile file makes us remember.
class KeysOnce {
 public:
  static constexpr std::size_t kKeysMax = 65'536;

  bool insert(std::string_view key) { return keys_.size() < kKeysMax && keys_.insert(key).second; }

 private:
  std::set<std::string_view> keys_;
};

}  // namespace thintail
