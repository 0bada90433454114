#include "proxy/admin_request.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "proxy/admin_roles.hpp"

namespace pannier::proxy {

template <class T, class E>
using Result = boost::system::result<T, E>;

namespace {

using Words = std::vector<std::string>;

bool are_equal_nocase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The name of `name:port` or `[::1]:port`, with its brackets; empty if it is neither.
std::string_view name_of(std::string_view host) {
  const auto end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  const auto name = host.substr(0, end);
  const auto rest = host.substr(name.size());
  if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return {};
  return name;
}

bool is_loopback(std::string_view name) {
  in_addr v4{};
  in6_addr v6{};
  if (are_equal_nocase(name, "localhost")) return true;
  if (name.find('\0') != name.npos) return false;
  if (::inet_pton(AF_INET, std::string(name).c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  if (!name.starts_with('[') || !name.ends_with(']')) return false;
  const std::string inside(name.substr(1, name.size() - 2));
  return ::inet_pton(AF_INET6, inside.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return {};
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return {};
    out += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return out;
}

Result<Route, Refusal> find_route(const RequestHead& head) {
  const auto query = head.target.find('?');
  const std::string_view path = std::string_view(head.target).substr(0, query);
  constexpr std::string_view unknown = "no such path; GET /help lists the actions";
  if (path == "/") return Refusal{404, std::string(unknown)};
  auto words = words_of(path);
  if (!words) return Refusal{400, words.error()};
  Route route;
  bool looks = true;
  const auto only = words->size() == 1 ? std::string_view(words->front()) : std::string_view();
  if (only == "metrics") {
    route.to = Route::To::metrics;
  } else if (only == "livez") {
    route.to = Route::To::livez;
    route.needs = policies::Role::none;
  } else if (only == "readyz" || only == "healthz") {
    route.to = Route::To::readyz;
    route.needs = policies::Role::none;
  } else if (only == "live") {
    route.to = Route::To::live;
  } else if (words->size() == 2 && words->front() == "events") {
    route.to = Route::To::event;
    looks = false;
    route.needs = policies::Role::invalidate;
    route.words = {std::move(words->back())};
  } else if (words->size() == 2 && words->front() == "values" && query == head.target.npos) {
    route.to = Route::To::value;
    route.words = {std::move(words->back())};
  } else {
    const auto need = need_of({words->begin(), words->end()});
    if (!need) return Refusal{404, std::string(unknown)};
    if (query != head.target.npos) {
      return Refusal{400, "no query is understood; a ? in a word is written %3F"};
    }
    looks = need->looks;
    route.needs = need->role;
    route.words = std::move(*words);
  }
  const std::string_view allow = looks ? "GET, HEAD" : "POST";
  route.head_only = head.method == "HEAD";
  route.changes = head.method == "POST";
  const bool fits = looks ? head.method == "GET" || route.head_only : route.changes;
  if (!fits) return Refusal{405, "this path is for " + std::string(allow), allow};
  return route;
}

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return are_equal_nocase(type, "application/json");
}

/// What a POST must say, which a page in a browser cannot make it say.
std::optional<Refusal> objection_to_post(const RequestHead& head, Route::To to) {
  const bool is_event = to == Route::To::event;
  if (!is_event && (head.marks.size() != 1 || head.marks[0] != "1")) {
    return Refusal{403, "a POST needs the header X-Pannier: 1"};
  }
  const auto& types = head.content_types;
  const bool typed = types.size() == 1 && is_json(types[0]);
  if ((is_event || head.body_bytes > 0 || !types.empty()) && !typed) {
    return Refusal{415, "the Content-Type of a body is application/json"};
  }
  return {};
}

}  // namespace

bool is_host_allowed(std::string_view host, std::span<const std::string> allowed_hosts) {
  const auto name = name_of(host);
  if (name.empty()) return false;
  return is_loopback(name) || std::ranges::any_of(allowed_hosts, [&](const std::string& allowed) {
           return are_equal_nocase(name, allowed);
         });
}

Result<Words, std::string> words_of(std::string_view target) {
  if (!target.starts_with('/')) return std::string("the target is a path that begins with /");
  Words words;
  while (!target.empty()) {
    target.remove_prefix(1);
    const auto piece = target.substr(0, target.find('/'));
    auto word = decode(piece);
    if (!word) return std::string("a % is followed by two hexadecimal digits");
    if (word->empty()) return std::string("a word of the path is empty");
    words.push_back(std::move(*word));
    target.remove_prefix(piece.size());
  }
  return words;
}

bool has_folded_line(std::string_view head) {
  return head.find("\n ") != head.npos || head.find("\n\t") != head.npos;
}

Result<Route, Refusal> judge(const RequestHead& head, std::span<const std::string> allowed_hosts) {
  if (head.is_encoded) return Refusal{400, "Transfer-Encoding is not understood"};
  if (head.hosts.size() != 1) return Refusal{400, "a request has one Host"};
  if (!is_host_allowed(head.hosts[0], allowed_hosts)) return Refusal{403, "host not allowed"};
  if (head.has_origin) return Refusal{403, "requests of web pages are not allowed"};
  if (head.expects) return Refusal{417, "Expect is not understood"};
  auto route = find_route(head);
  if (!route) return route;
  if (route->changes) {
    if (auto objection = objection_to_post(head, route->to)) return std::move(*objection);
  } else if (head.body_bytes > 0) {
    return Refusal{400, "a GET has no body"};
  }
  return route;
}

}  // namespace pannier::proxy
