// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/models_bench.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/thintail/child_program.hpp"

namespace thintail {

void add_models_bench(CLI::App& models, Action& chosen) {
  struct Arguments {
    std::string pack;
    std::string isa;
    bool json = false;
  };
  auto* command = models.add_subcommand("bench", "Times a pack's model row by row on its golden inputs");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("PACK", arguments->pack, "A .ttm file")->required();
  command->add_option("--isa", arguments->isa, "Instruction set of the kernels: auto, scalar, avx2, avx512");
  command->add_flag("--json", arguments->json, "As JSON (docs/benchmarks.md)");
  command->footer("The same as `thintail bench model --model PACK`.");
  command->callback([arguments, &chosen] {
    chosen = [arguments]() -> Result<ExitCode> {
      TT_TRY(const std::string program, find_program("thintail-bench-peers"));
      std::vector<std::string> passed = {"model", "--model", arguments->pack};
      if (!arguments->isa.empty()) passed.insert(passed.end(), {"--isa", arguments->isa});
      if (arguments->json) passed.emplace_back("--json");
      return fail(exec_program(program, passed));
    };
  });
}

}  // namespace thintail
