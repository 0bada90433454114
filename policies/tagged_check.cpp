#include "policies/tagged_check.hpp"

#include "protocol/reply.hpp"

namespace pannier::policies {

std::uint32_t TaggedCheck::ask(std::string& wire, Core& core, ValidityCheck::Ask what) {
  parts_ = check_.ask(wire, core, what);
  if (!finds_) return parts_;
  value_parts_ = append_value_question(wire, check_.subject());
  record_parts_ = append_record_question(wire, check_.subject());
  return parts_ += value_parts_ + record_parts_;
}

void TaggedCheck::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part < check_.parts()) return check_.settle(part, reply, core);
  if (part < check_.parts() + value_parts_) {
    const auto value = protocol::ReplyReader(reply).next();
    const bool is_string = !value.error() && !value.null && !value.text.empty();
    if (is_string) found_.value(check_.subject(), value.text);
  } else if (part + 1 == parts_) {
    found_.record_reply(reply);
  }
}

bool TaggedCheck::complete(const Core& core) {
  if (!finds_ || check_.absent()) return check_.complete(core);
  return check_.retag(found_.subject(check_.subject_ref(), check_.asked_at()), core);
}

std::uint32_t TaggedCheck::ask_generations(std::string& wire, Core& core) {
  value_parts_ = record_parts_ = 0;
  return parts_ = check_.ask_generations(wire, core);
}

}  // namespace pannier::policies
