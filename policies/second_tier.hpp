#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/rule_set.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

class Core;
struct Subject;

// A table of a database behind the values of a tier. Whoever misses a key is given its row, if that
// began after everything that was invalidated since; whoever writes a key writes its row first. So
// what is invalidated by a tag, a pattern or a rule needs no look into the table: its rows began
// too early, and only those of single keys have to be removed at once.

/// What errors and reports call the table of a tier: `second tier of 'daily'`.
std::string second_tier_name(std::string_view tier);

/// A moment as PostgreSQL reads a timestamptz: `2026-11-22 05:14:14.123+00`.
std::string timestamp_text(ServerTime at);

/// A pattern of LIKE that matches at least what a glob matches.
std::string like_of_glob(std::string_view glob);

/// An array of texts as PostgreSQL reads it: `{"a","b"}`.
std::string array_text(const std::vector<std::string>& items);

/// A value as the parameter of a statement; a bytea is written in hexadecimal digits.
std::string row_value(const SecondTierSettings& table, std::string_view value);

/// From when on a row of the key counts, as far as it is known here.
ServerTime rows_count_after(const Subject& subject, const Core& core);

/// Statements under way, and who waits for them.
class TableCalls {
 public:
  using Done = std::function<void(const TableOutcome& outcome, Core& core)>;

  /// Runs a statement of the tier's table through Effects::ask_table(). `done` is called once,
  /// possibly within this call.
  void begin(Core& core, const TierSettings& tier, const std::string& sql,
             std::vector<std::string> params, Done done);
  void answered(std::uint64_t id, const TableOutcome& outcome, Core& core);

 private:
  std::map<std::uint64_t, Done> open_;
  std::uint64_t next_ = 1;
};

/// What a command of a client does to rows before upstream hears of it, one statement at a time.
/// Meanwhile the command is held.
struct TableStep {
  struct Statement {
    const std::string* sql = nullptr;  ///< Of the tier, which outlives it as `rules` does.
    const TierSettings* tier = nullptr;
    std::vector<std::string> params;
    std::shared_ptr<const Subject> written;  ///< Whose row it stores; null: it removes one.
  };
  std::shared_ptr<const RuleSet> rules;
  std::uint64_t number = 0;  ///< The request.
  std::deque<Statement> left;
  std::vector<std::shared_ptr<const Subject>> written;  ///< Whose rows it has stored, or may have.
  bool is_over = false;
  std::string error;     ///< The sentence that ended it.
  bool is_known = true;  ///< As TableOutcome has it.
};

}  // namespace pannier::policies
