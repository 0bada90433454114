#include "proxy/admin_event.hpp"

#include "proxy/admin_json.hpp"

namespace pannier::proxy {

EventCall::EventCall(std::function<void()> wake) : shared_(std::make_shared<Shared>()) {
  shared_->wake = std::move(wake);
}

void EventCall::run(EventIntake& intake, std::string_view event, std::string_view payload,
                    std::string_view key) {
  intake.take(event, payload, key,
              [weak = std::weak_ptr(shared_)](const EventIntake::Answer& answer) {
                const auto shared = weak.lock();
                if (!shared) return;
                shared->response = response_of(answer);
                shared->wake();
              });
}

Response response_of(const EventIntake::Answer& answer) {
  using Kind = EventIntake::Answer::Kind;
  Response response;
  switch (answer.kind) {
    case Kind::done:
    case Kind::ignored:
      break;
    case Kind::queued:
      response.status = 202;
      break;
    case Kind::refused:
    case Kind::malformed:
      return error_response({400, answer.text});
    case Kind::unknown:
      return error_response({404, answer.text});
    case Kind::busy:
      return error_response({409, answer.text});
    case Kind::failed:
      return response_of("-" + answer.text + "\r\n");
  }
  response.body = answer.json + "\n";
  return response;
}

}  // namespace pannier::proxy
