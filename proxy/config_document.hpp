#pragma once

#include <boost/system/result.hpp>
#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pannier::proxy {

/// A place in a file, counted from 1; columns count bytes.
struct Mark {
  int line = 1;
  int column = 1;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

/// `name:line:column: sentence`, the form of every text about a configuration.
std::string at(std::string_view name, Mark mark, std::string_view sentence);

/// A piece of a configuration file as it was written: nothing is converted, so `010` and `no` are
/// just that.
struct ConfigNode {
  enum class Kind { nothing, scalar, list, map } kind = Kind::nothing;
  struct Entry;

  Mark mark;
  std::string text;               ///< Of a scalar.
  bool is_quoted = false;         ///< A scalar that is a text whatever it looks like.
  std::vector<ConfigNode> items;  ///< Of a list.
  std::vector<Entry> entries;     ///< Of a map, in order, no key twice.

  const ConfigNode* find(std::string_view key) const;  ///< Null when the map has no such key.
};

struct ConfigNode::Entry {
  std::string key;
  Mark mark;
  ConfigNode value;
};

/// Reads a file's text: UTF-8 with or without BOM, lines ending in LF or CR LF. Of YAML one
/// document is taken, without anchors, aliases, merges, tags, and at most 16 levels deep; a file
/// without any content is an empty map. \returns the tree, or the first error as at() writes it.
boost::system::result<ConfigNode, std::string> read_document(std::string_view text,
                                                             std::string_view name);

}  // namespace pannier::proxy
