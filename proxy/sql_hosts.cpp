#include "proxy/sql_hosts.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace pannier::proxy {

namespace {

struct Place {
  std::string host, hostaddr, port;
};

struct Work {
  SqlResolver& resolver;
  std::vector<Place> unresolved;  ///< The last first.
  std::vector<Place> places;
  std::size_t turn;
  std::string error;
  std::function<void(const SqlHosts&, const std::string& error)> done;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

void finish(const Work& work) {
  auto places = work.places;
  SqlHosts hosts;
  if (!places.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(work.turn % places.size());
    std::ranges::rotate(places, places.begin() + first);
  }
  for (const auto& place : places) {
    const char* comma = &place == places.data() ? "" : ",";
    hosts.host += comma + place.host;
    hosts.hostaddr += comma + place.hostaddr;
    hosts.port += comma + place.port;
  }
  work.done(hosts, places.empty() ? work.error : std::string());
}

void resolve_next(const std::shared_ptr<Work>& work) {
  if (work->unresolved.empty()) return finish(*work);
  const auto place = std::move(work->unresolved.back());
  work->unresolved.pop_back();
  const bool is_directory = place.host.empty() || place.host[0] == '/' || place.host[0] == '@';
  if (is_directory || !place.hostaddr.empty()) {
    work->places.push_back(place);
    return resolve_next(work);
  }
  work->resolver.async_resolve(
      place.host, "0",
      [work, place](boost::system::error_code error, const SqlResolver::results_type& found) {
        if (error) work->error = "cannot look up " + place.host + ": " + error.message();
        for (const auto& entry : found) {
          const auto address = entry.endpoint().address().to_string();
          work->places.push_back({place.host, address, place.port});
        }
        resolve_next(work);
      });
}

}  // namespace

void resolve_hosts(SqlResolver& resolver, const SqlHosts& hosts, std::size_t turn,
                   std::function<void(const SqlHosts&, const std::string& error)> done) {
  const auto names = split(hosts.host), addresses = split(hosts.hostaddr),
             ports = split(hosts.port);
  const auto work =
      std::make_shared<Work>(Work{resolver, {}, {}, turn, "no host", std::move(done)});
  for (std::size_t i = std::max(names.size(), addresses.size()); i-- > 0;) {
    const auto at = [i](const std::vector<std::string>& list) {
      return i < list.size() ? list[i] : std::string();
    };
    work->unresolved.push_back(
        {at(names), at(addresses), ports.size() == 1 ? ports[0] : at(ports)});
  }
  asio::post(resolver.get_executor(), [work] { resolve_next(work); });
}

}  // namespace pannier::proxy
