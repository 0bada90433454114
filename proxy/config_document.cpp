#include "proxy/config_document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "policies/spelling.hpp"
#include "proxy/config_text.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;

constexpr std::size_t deepest = 16;
constexpr const char* document_is_over =
    "the document ended before this line; it begins a second one, or is indented wrongly";

/// Thrown through yaml-cpp, which has no other way to stop; caught in read_document().
struct Refusal : std::exception {
  Refusal(Mark where, std::string what) : mark(where), sentence(std::move(what)) {}
  Mark mark;
  std::string sentence;
};

Mark mark_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

/// Builds the tree from yaml-cpp's events. The events tell of anchors, aliases and tags, and each
/// key in turn; yaml-cpp's own nodes would hide the former and keep duplicates of the latter.
class Builder : public YAML::EventHandler {
 public:
  ConfigNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw Refusal(mark_of(mark), document_is_over);
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    add(node(ConfigNode::Kind::nothing, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refusal(mark_of(mark), std::string(aliases_are_refused));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    ConfigNode scalar = node(ConfigNode::Kind::scalar, mark);
    scalar.text = value;
    scalar.is_quoted = tag == "!";
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(node(ConfigNode::Kind::list, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(node(ConfigNode::Kind::map, mark));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Key {
    std::string text;
    Mark mark;
  };
  /// A list or map that is not closed yet.
  struct Open {
    ConfigNode node;
    std::optional<Key> key;                      ///< Of a map: the key whose value is next.
    std::unordered_map<std::string, int> lines;  ///< Of the keys so far.
  };

  static ConfigNode node(ConfigNode::Kind kind, const YAML::Mark& mark) {
    ConfigNode made;
    made.kind = kind;
    made.mark = mark_of(mark);
    return made;
  }

  /// yaml-cpp reports the tag `?` for a plain scalar and `!` for a quoted one.
  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) throw Refusal(mark_of(mark), "anchors (&name) are not read");
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Refusal(mark_of(mark), "tags such as " + quoted(tag) + " are not read");
    }
  }

  bool key_is_due() const {
    return !open_.empty() && open_.back().node.kind == ConfigNode::Kind::map && !open_.back().key;
  }

  void open(ConfigNode started) {
    if (key_is_due()) {
      throw Refusal(started.mark,
                    "a key must be a word, not a list or map; a bracket may be left open");
    }
    if (open_.size() == deepest) {
      throw Refusal(started.mark, "nested deeper than " + std::to_string(deepest) + " levels");
    }
    open_.push_back({std::move(started), {}, {}});
  }

  void close() {
    ConfigNode done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }

  void add(ConfigNode done) {
    if (open_.empty()) {
      root_ = std::move(done);
    } else if (key_is_due()) {
      take_key(done);
    } else if (Open& parent = open_.back(); parent.key) {
      if (done.kind == ConfigNode::Kind::nothing) done.mark = parent.key->mark;
      parent.node.entries.push_back(
          {std::move(parent.key->text), parent.key->mark, std::move(done)});
      parent.key.reset();
    } else {
      parent.node.items.push_back(std::move(done));
    }
  }

  void take_key(const ConfigNode& key) {
    if (key.kind == ConfigNode::Kind::nothing) throw Refusal(key.mark, "a key is missing");
    if (key.text == "<<") throw Refusal(key.mark, "merges (<<) are not read");
    const auto [first, is_new] = open_.back().lines.try_emplace(key.text, key.mark.line);
    if (!is_new) {
      throw Refusal(key.mark, quoted(key.text) + " is written twice; first in line " +
                                  std::to_string(first->second));
    }
    open_.back().key = Key{key.text, key.mark};
  }

  std::vector<Open> open_;
  ConfigNode root_;
  int documents_ = 0;
};

}  // namespace

std::string at(std::string_view name, Mark mark, std::string_view sentence) {
  std::string text(name);
  text += ':' + std::to_string(mark.line) + ':' + std::to_string(mark.column) + ": ";
  return text.append(sentence);
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

boost::system::result<ConfigNode, std::string> read_document(std::string_view text,
                                                             std::string_view name) {
  constexpr std::string_view bom = "\xef\xbb\xbf";
  if (text.starts_with(bom)) text.remove_prefix(bom.size());
  if (const auto bad = find_not_text(text)) {
    return at(name, bad->mark, bad->sentence);
  }
  Builder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return at(name, refusal.mark, refusal.sentence);
  } catch (const YAML::Exception& error) {
    const Mark mark = mark_of(error.mark);
    return at(name, mark, explained_yaml_error(error.msg, text, mark.line));
  }
  ConfigNode root = builder.take();
  if (root.kind == ConfigNode::Kind::nothing) root.kind = ConfigNode::Kind::map;
  return root;
}

}  // namespace pannier::proxy
