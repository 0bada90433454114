#include "policies/cached_entry.hpp"

#include <cstring>
#include <new>

#include "policies/heap_block.hpp"

namespace pannier::policies {
namespace {

struct Item {
  std::string_view question, reply;
};

constexpr std::size_t item_header = 2 * sizeof(std::uint32_t);

std::size_t size_of(const Item& item) {
  return item_header + item.question.size() + item.reply.size();
}

char* append(char* to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

char* append(char* to, const Item& item) {
  const std::uint32_t sizes[] = {static_cast<std::uint32_t>(item.question.size()),
                                 static_cast<std::uint32_t>(item.reply.size())};
  std::memcpy(to, sizes, item_header);
  return append(append(to + item_header, item.question), item.reply);
}

/// Takes the first item off a sequence.
Item take_item(std::string_view& sequence) {
  std::uint32_t sizes[2];
  std::memcpy(sizes, sequence.data(), item_header);
  const Item item{sequence.substr(item_header, sizes[0]),
                  sequence.substr(item_header + sizes[0], sizes[1])};
  sequence.remove_prefix(size_of(item));
  return item;
}

}  // namespace

CachedEntry::CachedEntry(const Head& head, std::uint32_t payload)
    : deadline_(head.deadline),
      stamp_(head.stamp),
      payload_(payload),
      key_size_(static_cast<std::uint16_t>(head.key.size())),
      db_(static_cast<std::uint16_t>(head.db)) {}

CachedEntry::Owner CachedEntry::allocate(const Head& head, std::size_t payload_size,
                                         bool with_questions) {
  const auto payload = static_cast<std::uint32_t>(payload_size) | (with_questions ? sequence : 0);
  void* const block = ::operator new(sizeof(CachedEntry) + head.key.size() + payload_size);
  Owner entry(new (block) CachedEntry(head, payload));
  append(entry->payload_begin() - head.key.size(), head.key);
  return entry;
}

CachedEntry::Owner CachedEntry::make(const Head& head, std::string_view question,
                                     std::string_view reply) {
  const Item item{question, reply};
  Owner entry = allocate(head, question.empty() ? reply.size() : size_of(item), !question.empty());
  if (question.empty()) {
    append(entry->payload_begin(), reply);
  } else {
    append(entry->payload_begin(), item);
  }
  return entry;
}

CachedEntry::Owner CachedEntry::make(const Head& head, std::string_view question,
                                     std::string_view reply, const CachedEntry& other,
                                     std::size_t largest) {
  const Item added{question, reply};
  if ((other.payload_ & sequence) == 0) {
    const Item plain{{}, other.payload()};
    if (size_of(plain) + size_of(added) > largest) return make(head, question, reply);
    Owner entry = allocate(head, size_of(plain) + size_of(added), true);
    append(append(entry->payload_begin(), plain), added);
    return entry;
  }
  // Twice over the items: how many bytes stay, then which ones.
  std::size_t size = size_of(added);
  for (std::string_view rest = other.payload(); !rest.empty();) {
    const Item item = take_item(rest);
    if (item.question != question) size += size_of(item);
  }
  std::string_view rest = other.payload();
  while (size > largest && !rest.empty()) {
    const Item item = take_item(rest);
    if (item.question != question) size -= size_of(item);
  }
  Owner entry = allocate(head, size, true);
  char* end = entry->payload_begin();
  while (!rest.empty()) {
    const Item item = take_item(rest);
    if (item.question != question) end = append(end, item);
  }
  append(end, added);
  return entry;
}

std::optional<std::string_view> CachedEntry::reply(std::string_view question) const {
  if ((payload_ & sequence) == 0) {
    return question.empty() ? std::optional(payload()) : std::nullopt;
  }
  for (std::string_view rest = payload(); !rest.empty();) {
    const Item item = take_item(rest);
    if (item.question == question) return item.reply;
  }
  return std::nullopt;
}

bool CachedEntry::has_other(std::string_view question) const {
  if ((payload_ & sequence) == 0) return !question.empty();
  for (std::string_view rest = payload(); !rest.empty();) {
    if (take_item(rest).question != question) return true;
  }
  return false;
}

std::size_t CachedEntry::heap_bytes() const {
  return heap_block(sizeof(CachedEntry) + key_size_ + payload().size());
}

}  // namespace pannier::policies
