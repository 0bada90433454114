#include "policies/memory_table.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "policies/memory_buckets.hpp"

namespace pannier::policies {
namespace {

constexpr std::size_t min_buckets = 16;
constexpr std::size_t max_buckets_per_entry = 4;

constexpr std::size_t words(std::size_t count) { return count * sizeof(void*); }

/// What glibc's malloc takes from the heap for a block of `size` bytes.
constexpr std::size_t block(std::size_t size) {
  return std::max<std::size_t>(32, (size + words(1) + 15) / 16 * 16);
}

/// What a string of that capacity has outside itself.
std::size_t string_block(std::size_t capacity) {
  return capacity <= std::string().capacity() ? 0 : block(capacity + 1);
}

std::uint64_t hash_of(std::string_view key) { return std::hash<std::string_view>{}(key); }

}  // namespace

std::size_t MemoryTable::bytes_of(const Entry& entry) {
  return block(words(2) + sizeof entry) + string_block(entry.key.capacity()) +
         string_block(entry.value.capacity());
}

std::size_t MemoryTable::database_bytes() {
  // A node of the map; the deque's list of pages, and its first page.
  return block(words(4) + sizeof(decltype(databases_)::value_type)) + block(words(8)) + block(512);
}

std::size_t MemoryTable::entry_bytes(std::size_t key_size, std::size_t value_size) {
  return block(words(2) + sizeof(Entry)) + string_block(key_size) + string_block(value_size) +
         sizeof(Place);
}

MemoryTable::Place& MemoryTable::bucket(Database& database, std::string_view key) {
  auto& buckets = database.buckets;
  return buckets[MemoryBuckets(buckets.size()).of(hash_of(key))];
}

MemoryTable::Place MemoryTable::locate(std::uint32_t db, std::string_view key) {
  const auto database = databases_.find(db);
  if (database == databases_.end()) return none();
  Place place = bucket(database->second, key);
  while (place != none() && place->key != key) place = place->next;
  return place;
}

MemoryTable::Entry* MemoryTable::find(std::uint32_t db, std::string_view key) {
  const Place place = locate(db, key);
  return place == none() ? nullptr : &*place;
}

MemoryTable::Entry* MemoryTable::use(std::uint32_t db, std::string_view key) {
  const Place place = locate(db, key);
  if (place == none()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place);
  return &*place;
}

MemoryTable::Entry& MemoryTable::insert(std::uint32_t db, std::string_view key, std::string value,
                                        std::int64_t expires_at) {
  Database& database = databases_[db];
  if (database.size == 0) {
    database.buckets.assign(min_buckets, none());
    bytes_ += database_bytes();
  }
  entries_.push_front({std::string(key), std::move(value), expires_at, db, none()});
  bytes_ += bytes_of(entries_.front());
  link(database, entries_.begin());
  if (++database.size > database.buckets.size()) add_bucket(database);
  return entries_.front();
}

void MemoryTable::assign(Entry& entry, std::string value) {
  bytes_ -= bytes_of(entry);
  entry.value.swap(value);  // Moving would keep the larger block that may be there.
  bytes_ += bytes_of(entry);
}

void MemoryTable::grow(Entry& entry, std::size_t size, std::size_t capacity) {
  if (size > entry.value.capacity()) {
    std::string wider;
    wider.reserve(capacity);
    wider = entry.value;
    assign(entry, std::move(wider));
  }
  entry.value.resize(size);
}

std::string MemoryTable::take(Entry& entry) {
  const auto found = databases_.find(entry.db);
  Database& database = found->second;
  Place* link = &bucket(database, entry.key);
  while (&**link != &entry) link = &(*link)->next;
  const Place place = *link;
  *link = place->next;
  bytes_ -= bytes_of(entry);
  std::string value = std::move(entry.value);
  entries_.erase(place);
  --database.size;
  const std::size_t most = std::max(min_buckets, database.size * max_buckets_per_entry);
  while (database.buckets.size() > most) remove_bucket(database);
  if (database.size == 0) {
    bytes_ -= database_bytes();
    databases_.erase(found);
  }
  return value;
}

void MemoryTable::link(Database& database, Place place) {
  place->next = std::exchange(bucket(database, place->key), place);
}

void MemoryTable::add_bucket(Database& database) {
  auto& buckets = database.buckets;
  Place place = std::exchange(buckets[MemoryBuckets(buckets.size()).partner()], none());
  buckets.push_back(none());
  bytes_ += sizeof(Place);
  while (place != none()) link(database, std::exchange(place, place->next));
}

void MemoryTable::remove_bucket(Database& database) {
  Place place = database.buckets.back();
  database.buckets.pop_back();
  bytes_ -= sizeof(Place);
  while (place != none()) link(database, std::exchange(place, place->next));
}

std::uint64_t MemoryTable::scan(std::uint32_t db, std::uint64_t cursor,
                                std::vector<Entry*>& found) {
  const auto database = databases_.find(db);
  if (database == databases_.end()) return 0;
  const MemoryBuckets buckets(database->second.buckets.size());
  Place place = database->second.buckets[buckets.of(cursor)];
  for (; place != none(); place = place->next) found.push_back(&*place);
  return buckets.after(cursor);
}

std::optional<std::uint32_t> MemoryTable::database_from(std::uint32_t db) const {
  const auto database = databases_.lower_bound(db);
  if (database == databases_.end()) return std::nullopt;
  return database->first;
}

void MemoryTable::clear() {
  databases_.clear();
  entries_.clear();
  bytes_ = 0;
}

void MemoryTable::clear(std::uint32_t db) {
  if (size(db) == size()) return clear();
  std::vector<Entry*> found;
  for (std::uint64_t cursor = scan(db, 0, found); cursor != 0;) cursor = scan(db, cursor, found);
  for (Entry* const entry : found) take(*entry);
}

std::size_t MemoryTable::size(std::uint32_t db) const {
  const auto database = databases_.find(db);
  return database == databases_.end() ? 0 : database->second.size;
}

}  // namespace pannier::policies
