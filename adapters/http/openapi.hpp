// SPDX-License-Identifier: Apache-2.0
// openapi_document: the table of routes as an OpenAPI 3.1 document.
//   path  cold
#pragma once

#include <string>
#include <vector>

#include "adapters/http/router.hpp"

namespace thintail::http {

Json openapi_document(const std::vector<Route>& routes, const Components& components,
                      const ApiDescription& description);

// RFC 9457 with our code: the schema of every reply that is not a success.
nlohmann::json problem_schema();

}  // namespace thintail::http
