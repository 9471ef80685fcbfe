// SPDX-License-Identifier: Apache-2.0
#include "bench/model/suite.hpp"

namespace thintail::bench {

Suite model_suite() {
  return {"model",
          "a pack of yours: --model X.ttm",
          {{"pack", "each golden row, or each golden tick's features, through the model of --model", &pack_rows}}};
}

}  // namespace thintail::bench
