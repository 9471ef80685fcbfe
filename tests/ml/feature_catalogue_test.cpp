// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_catalogue.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace thintail {
namespace {

// Run once with THINTAIL_WRITE_DOCS=1 after changing a definition.
TEST(FeatureCatalogue, docs_features_md_is_the_catalogue) {
  const auto path = std::filesystem::path(THINTAIL_SOURCE_DIR) / "docs" / "features.md";
  if (std::getenv("THINTAIL_WRITE_DOCS") != nullptr)
    std::ofstream(path, std::ios::binary) << feature_catalogue_markdown();
  std::ifstream in(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(page, feature_catalogue_markdown()) << "rewrite it: THINTAIL_WRITE_DOCS=1 ./thintail test --filter "
                                                   "ml/feature_catalogue_test";
}

}  // namespace
}  // namespace thintail
