#include "policies/memory_table.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "policies/memory_buckets.hpp"

using namespace pannier::policies;

namespace {

void insert(MemoryTable& table, const std::string& key) {
  table.insert(0, key, std::string(20, 'x'), MemoryTable::never);
}

}  // namespace

TEST_CASE("The buckets of a table of any size share out all hashes, and a scan visits each once") {
  for (std::size_t size = 1; size <= 100; ++size) {
    const MemoryBuckets buckets(size);
    std::set<std::size_t> visited;
    std::uint64_t cursor = 0;
    do {
      CHECK(visited.insert(buckets.of(cursor)).second);
      cursor = buckets.after(cursor);
    } while (cursor != 0);
    CHECK(visited.size() == size);
  }
}

TEST_CASE("One more bucket takes from one bucket only") {
  for (std::size_t size = 1; size <= 100; ++size) {
    const MemoryBuckets before(size), after(size + 1);
    for (std::uint64_t hash = 0; hash < 1'000; ++hash) {
      if (before.of(hash) == after.of(hash)) continue;
      CHECK(before.of(hash) == before.partner());
      CHECK(after.of(hash) == size);
    }
  }
}

TEST_CASE("A scan meets every entry that stays, while the table grows and shrinks under it") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    MemoryTable table;
    std::set<std::string> staying, seen;
    for (int i = 0; i < 200; ++i) {
      staying.insert("stays:" + std::to_string(i));
      insert(table, "stays:" + std::to_string(i));
    }
    std::vector<std::string> passing;
    bool filling = true;
    std::uint64_t cursor = 0;
    do {
      std::vector<MemoryTable::Entry*> found;
      cursor = table.scan(0, cursor, found);
      for (const MemoryTable::Entry* const entry : found) seen.insert(entry->key);
      // Waves: between each two steps the table comes to hold up to 3,000 more, or fewer again.
      filling = passing.empty() || (filling && passing.size() < 3'000);
      for (std::size_t i = random() % 500; i != 0 && (filling || !passing.empty()); --i) {
        if (filling) {
          passing.push_back("passes:" + std::to_string(random()) + ":" + std::to_string(i));
          insert(table, passing.back());
        } else {
          table.take(*table.find(0, passing.back()));
          passing.pop_back();
        }
      }
    } while (cursor != 0);
    for (const std::string& key : staying) CHECK(seen.contains(key));
  }
}

TEST_CASE("Bytes are those of what is there, and nothing is left when nothing is there") {
  MemoryTable table;
  for (int i = 0; i < 1'000; ++i) insert(table, "a key of some length " + std::to_string(i));
  const std::size_t full = table.bytes();
  for (int i = 0; i < 1'000; ++i) insert(table, "another key of that length " + std::to_string(i));
  for (int i = 0; i < 1'000; ++i) {
    table.take(*table.find(0, "another key of that length " + std::to_string(i)));
  }
  // Buckets are kept for a while, but no more than four for each entry.
  CHECK(table.bytes() <= full + 1'000 * 3 * sizeof(void*));
  table.insert(7, "in another database", {}, MemoryTable::never);
  CHECK(table.size() == 1'001);
  CHECK(table.size(7) == 1);
  table.clear(0);
  CHECK(table.bytes() ==
        MemoryTable::database_bytes() + MemoryTable::entry_bytes(19, 0) - sizeof(void*));
  table.take(*table.find(7, "in another database"));
  CHECK(table.bytes() == 0);
}

TEST_CASE("A value that becomes short gives its memory back") {
  MemoryTable table;
  MemoryTable::Entry& entry = table.insert(0, "k", std::string(10'000, 'x'), MemoryTable::never);
  CHECK(table.bytes() > 10'000);
  table.assign(entry, "short");
  CHECK(table.bytes() < 2'000);
  CHECK(entry.value == "short");
  table.grow(entry, 7, 500);
  CHECK(entry.value == std::string("short\0\0", 7));
  CHECK(table.bytes() < 2'500);
}

TEST_CASE("The oldest entry is the one that was used least recently") {
  MemoryTable table;
  for (const char* const key : {"a", "b", "c"}) insert(table, key);
  CHECK(table.oldest()->key == "a");
  table.use(0, "a");
  CHECK(table.oldest()->key == "b");
  table.find(0, "b");
  CHECK(table.oldest()->key == "b");
  CHECK(table.take(*table.oldest()) == std::string(20, 'x'));
  CHECK(table.oldest()->key == "c");
  table.clear();
  CHECK(table.oldest() == nullptr);
}
