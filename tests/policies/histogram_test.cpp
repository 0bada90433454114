#include "policies/histogram.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace pannier::policies;

namespace {

/// The only bucket with an observation in it.
std::size_t bucket_of(microseconds value) {
  Histogram histogram;
  histogram.add(value);
  std::size_t found = Histogram::buckets;
  for (std::size_t i = 0; i < Histogram::buckets; ++i) {
    if (histogram.count(i) == 0) continue;
    CHECK(histogram.count(i) == 1);
    CHECK(found == Histogram::buckets);
    found = i;
  }
  REQUIRE(found < Histogram::buckets);
  return found;
}

}  // namespace

TEST_CASE("A value falls into the bucket of the first limit it is below") {
  for (std::int64_t us = 0; us < 5'000; ++us) {
    const auto bucket = bucket_of(microseconds(us));
    CHECK(microseconds(us) < Histogram::limit(bucket));
    if (bucket > 0) CHECK(microseconds(us) >= Histogram::limit(bucket - 1));
  }
}

TEST_CASE("Limits are the powers of two of a microsecond") {
  CHECK(Histogram::limit(0) == microseconds(1));
  CHECK(Histogram::limit(10) == microseconds(1'024));
  CHECK(Histogram::limit(24) == microseconds(16'777'216));
}

TEST_CASE("The last bucket holds everything beyond 16.8 seconds") {
  CHECK(bucket_of(Histogram::limit(24) - microseconds(1)) == 24);
  CHECK(bucket_of(Histogram::limit(24)) == 25);
  CHECK(bucket_of(std::chrono::hours(1'000)) == 25);
  CHECK(bucket_of(microseconds::max()) == 25);
}

TEST_CASE("A negative latency counts as none at all") {
  Histogram histogram;
  histogram.add(microseconds(-5));
  CHECK(histogram.count(0) == 1);
  CHECK(histogram.total() == 1);
  CHECK(histogram.sum() == microseconds(0));
}

TEST_CASE("Sum and total are of all observations") {
  Histogram histogram;
  histogram.add(microseconds(10));
  histogram.add(milliseconds(2));
  CHECK(histogram.total() == 2);
  CHECK(histogram.sum() == microseconds(2'010));
}

TEST_CASE("Many equal observations are added in one step") {
  Histogram once, one_by_one;
  once.add(microseconds(100), 1'000);
  for (int i = 0; i < 1'000; ++i) one_by_one.add(microseconds(100));
  CHECK(once.total() == one_by_one.total());
  CHECK(once.sum() == one_by_one.sum());
  for (std::size_t i = 0; i < Histogram::buckets; ++i) CHECK(once.count(i) == one_by_one.count(i));
}

TEST_CASE("An empty histogram has no quantiles") {
  CHECK(Histogram().quantile(0.5) == microseconds(0));
  CHECK(Histogram().quantile(1) == microseconds(0));
}

TEST_CASE("A quantile is the limit of the bucket in which that share is reached") {
  Histogram histogram;
  histogram.add(microseconds(1), 50);      // below 2
  histogram.add(microseconds(100), 40);    // below 128
  histogram.add(microseconds(5'000), 10);  // below 8192
  CHECK(histogram.quantile(0.01) == microseconds(2));
  CHECK(histogram.quantile(0.50) == microseconds(2));
  CHECK(histogram.quantile(0.51) == microseconds(128));
  CHECK(histogram.quantile(0.90) == microseconds(128));
  CHECK(histogram.quantile(0.91) == microseconds(8'192));
  CHECK(histogram.quantile(1.00) == microseconds(8'192));
}
