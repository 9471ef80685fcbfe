// SPDX-License-Identifier: Apache-2.0
// The configuration explained, printed from the table of keys: the commented file, and docs/configuration.md.
#pragma once

#include <string>

namespace thintail {

// thintail.toml: every key with its default; keys of rows, which have none, as examples in a comment. Prose begins with
// "# ", what may be uncommented with "#" alone.
std::string reference_toml();

// docs/configuration.md.
std::string reference_markdown();

}  // namespace thintail
