#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pannier::tests {

/// Replies as a scenario writes them: `"v"`, `nil`, `OK`, `:1`, `-ERR why`, `["v" nil :1]`,
/// `{"field" :1}`; bytes that cannot be seen as \r, \n, \xHH.

/// Takes one whole reply off `bytes`. \returns its text.
std::string take_reply_text(std::string_view& bytes);

/// The replies that a line expects, each as its text; an error takes the rest of the line.
std::vector<std::string> split_replies(std::string_view line);

/// Whether a reply is what was expected, where `...` stands for anything and `:1..9` for any
/// integer from 1 to 9.
bool reply_matches(std::string_view expected, std::string_view text);

/// The bytes of a reply, given its text; only scalars.
std::string reply_bytes(std::string_view text);

}  // namespace pannier::tests
