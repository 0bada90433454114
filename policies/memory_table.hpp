#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::policies {

/// What a memory store holds: found by database and key, kept in order of use, counted in bytes.
///
/// Each database is a hash table with chains that grows and shrinks by one bucket at a time
/// ("Linear Hashing", Litwin, 1980), so no command ever waits for all entries to be moved.
///
/// A bucket holds the hashes that end in certain bits. Read a hash backwards and it is a position
/// on a line, a bucket an interval of that line; splitting and joining buckets only cuts and mends
/// the line. A scan that walks along it meets every entry that is there from its beginning to its
/// end, whatever else comes and goes, and needs to remember nothing but a position: the cursor.
class MemoryTable {
 public:
  static constexpr std::int64_t never = -1;

  struct Entry {
    std::string key, value;   ///< Change the value's size by assign() and grow() only.
    std::int64_t expires_at;  ///< Server milliseconds; `never`: it does not expire.
    std::uint32_t db;
    std::list<Entry>::iterator next;  ///< The next one in the same bucket.

    bool expired(std::int64_t now) const { return expires_at != never && expires_at < now; }
  };

  MemoryTable() = default;
  MemoryTable(const MemoryTable&) = delete;  // Entries hold places in this very list.
  MemoryTable& operator=(const MemoryTable&) = delete;

  /// The entry of that key, null when there is none. Valid until it is taken or cleared.
  Entry* find(std::uint32_t db, std::string_view key);
  /// The same, and makes it the most recently used one.
  Entry* use(std::uint32_t db, std::string_view key);

  /// Adds an entry as the most recently used one. REQUIRES: there is none of that key.
  Entry& insert(std::uint32_t db, std::string_view key, std::string value, std::int64_t expires_at);
  void assign(Entry& entry, std::string value);
  /// Makes the value longer with zero bytes, in room for `capacity` bytes. REQUIRES: both are no
  /// smaller than the value.
  void grow(Entry& entry, std::size_t size, std::size_t capacity);
  /// Removes the entry. \returns its value.
  std::string take(Entry& entry);
  /// The least recently used entry of all; null when there is none.
  Entry* oldest() { return entries_.empty() ? nullptr : &entries_.back(); }

  /// Appends the entries of the bucket at `cursor` to `found`. A scan begins with 0.
  /// \returns the next bucket's cursor; 0 when that was the last one.
  std::uint64_t scan(std::uint32_t db, std::uint64_t cursor, std::vector<Entry*>& found);
  /// The first database from `db` on that holds something.
  std::optional<std::uint32_t> database_from(std::uint32_t db) const;

  void clear();
  void clear(std::uint32_t db);  ///< Costs as much as a KEYS there.

  std::size_t size() const { return entries_.size(); }
  std::size_t size(std::uint32_t db) const;
  std::size_t bytes() const { return bytes_; }
  /// What an entry of these sizes adds to bytes(), and what the first one of a database adds to
  /// that, at most.
  static std::size_t entry_bytes(std::size_t key_size, std::size_t value_size);
  static std::size_t database_bytes();

 private:
  using Place = std::list<Entry>::iterator;
  struct Database {
    std::deque<Place> buckets;  ///< The first entry of each; none() when empty.
    std::size_t size = 0;
  };
  static std::size_t bytes_of(const Entry& entry);

  Place none() { return entries_.end(); }
  Place locate(std::uint32_t db, std::string_view key);
  static Place& bucket(Database& database, std::string_view key);
  static void link(Database& database, Place place);
  void add_bucket(Database& database);
  void remove_bucket(Database& database);

  std::list<Entry> entries_;                     ///< Most recently used first.
  std::map<std::uint32_t, Database> databases_;  ///< Those that hold something.
  std::size_t bytes_ = 0;
};

}  // namespace pannier::policies
