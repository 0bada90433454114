#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/admin_http.hpp"
#include "proxy/event_intake.hpp"

namespace pannier::proxy {

/// One event over HTTP under way. What is answered after its end is lost; the event is not.
class EventCall {
 public:
  /// \param wake called when the answer has come.
  explicit EventCall(std::function<void()> wake);

  /// Once.
  void run(EventIntake& intake, std::string_view event, std::string_view payload,
           std::string_view key);
  /// Nothing as long as there is none.
  const std::optional<Response>& response() const { return shared_->response; }

 private:
  struct Shared {
    std::optional<Response> response;
    std::function<void()> wake;
  };
  std::shared_ptr<Shared> shared_;
};

/// What HTTP says of it: 200, 202 (kept for later), 400, 404, 409 (under way), 502 or 503.
Response response_of(const EventIntake::Answer& answer);

}  // namespace pannier::proxy
