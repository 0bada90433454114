#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace pannier::policies {

/// An entry of the local cache: one block of memory with a header, the key, and what is kept.
///
///     deadline 4 | stamp 4 | payload size 3, flags 1 | key size 2 | database 2 | key | payload
///
/// The payload is the reply to a plain read, or a sequence of replies each with its question,
/// oldest first:
///
///     question size 4 | reply size 4 | question | reply
class CachedEntry {
 public:
  static constexpr std::size_t largest_key = 0xffff;
  static constexpr std::uint32_t largest_db = 0xffff;

  struct Free {
    void operator()(CachedEntry* entry) const { ::operator delete(static_cast<void*>(entry)); }
  };
  using Owner = std::unique_ptr<CachedEntry, Free>;

  /// What it is about, and until when it holds.
  struct Head {
    std::uint32_t db;
    std::string_view key;
    std::uint32_t deadline, stamp;
  };

  /// An entry with that one reply. REQUIRES: key and database are not above the largest, and
  /// question and reply together fit into 23 bits.
  static Owner make(const Head& head, std::string_view question, std::string_view reply);
  /// The same with the replies of `other` to other questions before it; its oldest are left out
  /// as long as the payload is more than `largest`.
  static Owner make(const Head& head, std::string_view question, std::string_view reply,
                    const CachedEntry& other, std::size_t largest);

  Head head() const { return {db_, key(), deadline_, stamp_}; }
  bool is(std::uint32_t db, std::string_view key) const { return db_ == db && this->key() == key; }
  std::uint32_t deadline() const { return deadline_; }
  std::uint32_t stamp() const { return stamp_; }
  std::string_view key() const { return {bytes(), key_size_}; }
  /// The reply to that question; valid as long as the entry.
  std::optional<std::string_view> reply(std::string_view question) const;
  /// Whether there is a reply to another question.
  bool has_other(std::string_view question) const;
  /// What it takes from the heap.
  std::size_t heap_bytes() const;

 private:
  static constexpr std::uint32_t sequence = 1U << 24;  ///< The payload has questions.

  CachedEntry(const Head& head, std::uint32_t payload);
  static Owner allocate(const Head& head, std::size_t payload_size, bool with_questions);

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* payload_begin() { return reinterpret_cast<char*>(this + 1) + key_size_; }
  std::string_view payload() const { return {bytes() + key_size_, payload_ & (sequence - 1)}; }

  std::uint32_t deadline_, stamp_;
  std::uint32_t payload_;  ///< Size, and flags above it.
  std::uint16_t key_size_, db_;
};
static_assert(sizeof(CachedEntry) == 16);

}  // namespace pannier::policies
