#include "policies/reply_names.hpp"

#include "protocol/glob.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::ReplyReader;

namespace {

/// The header of an aggregate, as it came: up to its first line's end.
std::string_view head_of(std::string_view reply) { return reply.substr(0, reply.find("\r\n") + 2); }

bool is_list(char kind) { return kind == '*' || kind == '%' || kind == '>'; }

class Mapping {
 public:
  Mapping(std::string& out, const ReplyNames& names, const ShownNames& shown)
      : out_(out), names_(names), shown_(shown) {}

  /// One key's name, as an element.
  void name(std::string_view element) {
    const auto key = ReplyReader(element).next();
    for (const auto& [upstream, client] : names_.names) {
      if (key.null || upstream != key.text) continue;
      return protocol::append_bulk(out_, client);
    }
    out_ += element;
  }

  void first(std::string_view reply) {
    ReplyReader reader(reply);
    const auto head = reader.next();
    if (!is_list(head.kind) || head.null || head.number == 0) return void(out_ += reply);
    out_ += head_of(reply);
    name(reader.skip());
    out_ += reader.rest();
  }

  /// RESP2 has an array of pairs, RESP3 a map.
  void streams(std::string_view reply) {
    ReplyReader reader(reply);
    const auto head = reader.next();
    if (!is_list(head.kind) || head.null) return void(out_ += reply);
    out_ += head_of(reply);
    const bool is_map = head.kind == '%';
    for (std::int64_t i = 0; i < head.number; ++i) {
      const auto element = reader.skip();
      if (!is_map) {
        first(element);
      } else if (i % 2 == 0) {
        name(element);
      } else {
        out_ += element;
      }
    }
  }

  void all(std::string_view reply) {
    ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*' || head.null) return void(out_ += reply);
    std::vector<std::string_view> keys;
    for (std::int64_t i = 0; i < head.number; ++i) {
      const auto name = shown_.shown(reader.next().text);
      if (!name) continue;
      if (names_.has_pattern && !protocol::glob_matches(names_.pattern, *name)) continue;
      keys.push_back(*name);
    }
    protocol::append_array(out_, keys.size());
    for (const auto key : keys) protocol::append_bulk(out_, key);
  }

  void scan(std::string_view reply) {
    ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*' || head.number != 2) return void(out_ += reply);
    out_ += head_of(reply);
    out_ += reader.skip();
    all(reader.skip());
  }

  void one(std::string_view reply) {
    const auto key = ReplyReader(reply).next();
    if (key.kind != '$' || key.null) return void(out_ += reply);
    const auto name = shown_.shown(key.text);
    if (name) return protocol::append_bulk(out_, *name);
    protocol::append_null(out_, names_.is_3 ? protocol::Resp::v3 : protocol::Resp::v2);
  }

  void transaction(std::string_view reply) {
    ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*' || head.null) return void(out_ += reply);
    out_ += head_of(reply);
    auto part = names_.parts.begin();
    for (std::uint32_t i = 0; i < head.number; ++i) {
      const auto element = reader.skip();
      const bool is_due = part != names_.parts.end() && part->place == i;
      if (!is_due) {
        out_ += element;
        continue;
      }
      part->names.append(out_, element, shown_);
      ++part;
    }
  }

 private:
  std::string& out_;
  const ReplyNames& names_;
  const ShownNames& shown_;
};

}  // namespace

void ReplyNames::append(std::string& out, std::string_view reply, const ShownNames& shown) const {
  Mapping mapping(out, *this, shown);
  switch (shape) {
    case Shape::first:
      return mapping.first(reply);
    case Shape::streams:
      return mapping.streams(reply);
    case Shape::all:
      return mapping.all(reply);
    case Shape::scan:
      return mapping.scan(reply);
    case Shape::one:
      return mapping.one(reply);
    case Shape::transaction:
      return mapping.transaction(reply);
  }
}

std::string wider_pattern(std::string_view pattern) {
  // Behind an escape or inside a class a star would not be one.
  if (pattern.find_first_of("\\[") != pattern.npos) return "*";
  std::string wider(pattern);
  if (!wider.ends_with('*')) wider += '*';
  return wider;
}

std::optional<std::pair<std::string_view, std::uint64_t>> split_version(std::string_view upstream) {
  const auto at = upstream.rfind(":v");
  if (at == upstream.npos) return std::nullopt;
  const auto version = protocol::to_integer(upstream.substr(at + 2));
  if (!version || *version < 0) return std::nullopt;
  return std::pair(upstream.substr(0, at), static_cast<std::uint64_t>(*version));
}

}  // namespace pannier::policies
