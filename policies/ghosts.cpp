#include "policies/ghosts.hpp"

#include <algorithm>
#include <new>

#include "policies/heap_block.hpp"

namespace pannier::policies {
namespace {

/// A quarter more than what is remembered, because buckets fill unevenly.
std::size_t buckets_for(std::size_t entries) { return entries * 5 / 32 + 8; }

/// What it is made for when that many are to be remembered, so that it need not be made anew soon.
std::size_t room_for(std::size_t entries) { return entries + entries / 8; }

/// In units of time, of which 65,536 can be told apart: so a ghost must lie about for sixteen
/// lifetimes before it looks young again.
constexpr std::uint64_t lifetime = 4'096;

/// 16 bits that do not choose the bucket; never 0.
std::uint32_t mark(std::uint64_t hash) {
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hash) & 0xffff) << 16;
}

bool has_mark(std::uint32_t ghost, std::uint32_t mark) { return (ghost & 0xffff'0000) == mark; }

}  // namespace

std::size_t Ghosts::bytes() const {
  return table_ ? heap_block(buckets_ * ways * sizeof(std::uint32_t)) : 0;
}

std::size_t Ghosts::bytes_for(std::size_t entries) {
  if (entries == 0) return 0;
  return heap_block(buckets_for(room_for(entries)) * ways * sizeof(std::uint32_t));
}

void Ghosts::fit(std::size_t entries) {
  entries_ = entries;
  if (table_ && entries <= room_ && entries >= room_ / 2) return;
  room_ = room_for(entries);
  buckets_ = buckets_for(room_);
  unit_ = std::max<std::uint64_t>(1, room_ / lifetime);
  added_ = 0;
  table_.reset();
  table_.reset(static_cast<std::uint32_t*>(std::calloc(buckets_ * ways, sizeof(std::uint32_t))));
  if (!table_) throw std::bad_alloc();
}

std::span<std::uint32_t, Ghosts::ways> Ghosts::bucket(std::uint64_t hash) {
  const std::size_t number = (hash >> 32) * buckets_ >> 32;
  return std::span<std::uint32_t, ways>(table_.get() + number * ways, ways);
}

void Ghosts::add(std::uint64_t hash) {
  std::uint32_t* place = nullptr;
  for (std::uint32_t& ghost : bucket(hash)) {
    if (ghost == 0 || has_mark(ghost, mark(hash))) {
      place = &ghost;
      break;
    }
    if (place == nullptr || age(ghost) > age(*place)) place = &ghost;
  }
  *place = mark(hash) | now();
  ++added_;
}

bool Ghosts::take(std::uint64_t hash) {
  if (!table_) return false;
  for (std::uint32_t& ghost : bucket(hash)) {
    if (!has_mark(ghost, mark(hash))) continue;
    const bool found = remembered(ghost);
    ghost = 0;
    return found;
  }
  return false;
}

}  // namespace pannier::policies
