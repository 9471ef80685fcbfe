// SPDX-License-Identifier: Apache-2.0
#include "core/isa/isa.hpp"

#include <gtest/gtest.h>

namespace thintail {
namespace {

TEST(Isa, names_lead_back_to_what_is_available_and_others_are_refused_as_unavailable) {
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    const auto found = isa_from_name(isa_name(isa));
    if (isa_available(isa)) {
      EXPECT_EQ(found.value(), isa);
    } else {
      EXPECT_EQ(found.error().code, ErrorCode::isa_unavailable);
    }
  }
}

TEST(Isa, auto_is_the_best_available_and_scalar_always_is) {
  EXPECT_TRUE(isa_available(Isa::scalar));
  EXPECT_TRUE(isa_available(best_isa()));
  EXPECT_EQ(isa_from_name("auto").value(), best_isa());
  for (const Isa better : {Isa::avx2, Isa::avx512}) {
    EXPECT_TRUE(better <= best_isa() || !isa_available(better));
  }
}

TEST(Isa, an_unknown_name_is_a_configuration_error_that_lists_the_known_ones) {
  const auto error = isa_from_name("sse9").error();
  EXPECT_EQ(error.code, ErrorCode::config_bad_value);
  EXPECT_EQ(error.expected, "auto, scalar, avx2 or avx512");
  EXPECT_FALSE(isa_available(static_cast<Isa>(9)));
  EXPECT_EQ(isa_name(static_cast<Isa>(9)), "unknown");
}

TEST(KernelTable, gives_the_function_of_the_isa) {
  const KernelTable<int (*)()> table{[] { return 0; }, [] { return 1; }, [] { return 2; }};
  EXPECT_EQ(table[Isa::scalar](), 0);
  EXPECT_EQ(table[Isa::avx2](), 1);
  EXPECT_EQ(table[Isa::avx512](), 2);
}

}  // namespace
}  // namespace thintail
