#include "policies/found_tags.hpp"

#include <doctest/doctest.h>

#include "subjects.hpp"

using namespace pannier::policies;

namespace {

/// A key under a rule whose values have products.
struct Cart {
  CounterBook book;
  Settings settings;
  std::optional<RuleSet> rules;
  SubjectRef subject;

  explicit Cart(bool runtime = false) {
    settings.tiers.push_back(tier_of(seconds(60)));
    auto& rule = settings.rules.emplace_back(rule_of({"cart:{user}"}, {"carts"}));
    rule.tags_from.push_back({*JsonPath::compile("$.items[*].id"), "product:{}"});
    rule.tags_from.push_back({*JsonPath::compile("$.shop"), "{user}@{}"});
    rule.runtime_tags = runtime;
    rules.emplace(settings, book);
    auto made = std::make_shared<Subject>();
    made->rule = RuleRef(std::shared_ptr<void>(), &rules->rules()[0]);
    made->client_key = made->key = "cart:ann";
    made->tags = {"carts"};
    subject = made;
  }
  std::vector<std::string> tags(std::string_view value) {
    return facts_of_value(*subject, value).tags;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("A value's tags come from what stands in it and from its key") {
  Cart cart;
  CHECK(cart.tags(R"({"items": [{"id": 7}, {"id": "x"}, {"id": 7}, {"id": null}], "shop": 3})") ==
        Texts{"ann@3", "product:7", "product:x"});
  CHECK(cart.tags("{}").empty());
  CHECK(cart.subject->counters().untagged_values == 0);
}

TEST_CASE("What cannot be looked into has no such tags, and is counted") {
  Cart cart;
  CHECK(cart.tags("not json").empty());
  CHECK(cart.tags(std::string(JsonDocument::max_bytes + 1, ' ')).empty());
  std::string many = R"({"items": [{"id": 0})";
  for (int i = 1; i < 300; ++i) many += R"(, {"id": )" + std::to_string(i) + "}";
  CHECK(cart.tags(many + "]}").empty());
  CHECK(cart.subject->counters().untagged_values == 3);
}

TEST_CASE("A subject has its rule's tags and the value's, and no others that it had before") {
  Cart cart;
  const auto first = with_tags_of(cart.subject, R"({"items": [{"id": "a"}]})");
  CHECK(first->tags == Texts{"carts", "product:a"});
  CHECK(by_rule(first) == cart.subject);
  const auto second = with_tags_of(first, R"({"items": [{"id": "b"}]})");
  CHECK(second->tags == Texts{"carts", "product:b"});
  CHECK(with_tags_of(second, "{}") == cart.subject);
}

TEST_CASE("A record of tags is read as it was written") {
  const TagRecord record{ServerTime(milliseconds(17)), {"b", "a b"}};
  CHECK(record.text() == "17 b a%20b");
  const auto again = TagRecord::parse(record.text());
  REQUIRE(again);
  CHECK(again->floor == record.floor);
  CHECK(again->tags == Texts{"b", "a%20b"});
  CHECK(TagRecord::parse("0")->tags.empty());
  for (const auto* text : {"", "x", "-1 a", " a"}) CHECK_FALSE(TagRecord::parse(text));
}

TEST_CASE("A value whose record is lost is older than the look at it") {
  Cart cart(true);
  FoundTags found;
  const ServerTime asked(milliseconds(50));
  CHECK(found.subject(cart.subject, asked)->floor == asked);
  found.record_reply("$5\r\n0 b a\r\n");
  const auto subject = found.subject(cart.subject, asked);
  CHECK(subject->tags == Texts{"a", "b", "carts"});
  CHECK_FALSE(subject->floor);
  FoundTags invalidated;
  invalidated.record_reply("$4\r\n17 b\r\n");
  CHECK(invalidated.subject(cart.subject, asked)->floor == ServerTime(milliseconds(17)));
}
