#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin_http.hpp"

namespace pannier::proxy {

/// What HTTP says for a whole RESP3 reply of an action: 200 and the reply as JSON, 202 where it was
/// journaled or goes on ({"job": 7}), or for an error
/// 400 (it was asked wrongly), 502 (Redis refused) or 503 (Redis is away) and {"error": "..."}.
/// Bytes that are not UTF-8 become U+FFFD; a map's names keep their order.
Response response_of(std::string_view reply);

/// For the RESP3 reply of a GET: 200 and its bytes as they are, as JSON where they are that, else
/// as application/octet-stream; 404 where there is no value; 502 where
/// its origin failed; else errors as above.
Response response_of_value(std::string_view reply);

/// {"error": "..."} with that status.
Response error_response(const Refusal& refusal);

/// {"ready": ..., "reason": ..., "upstream": ..., "coherence": ...} with 200 or 503.
Response readiness_response(bool ready, std::string_view reason, std::string_view upstream,
                            std::string_view coherence);

bool is_json_object(std::string_view text);

/// What stands in a JSON object, a line each, members of members with their owners' names in front:
/// `tags.tenant:7: 1700000000000`. \returns nothing for any other text.
std::vector<std::string> json_lines(std::string_view object);

}  // namespace pannier::proxy
