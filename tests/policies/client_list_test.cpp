#include "policies/client_list.hpp"

#include <doctest/doctest.h>

using namespace pannier;
using namespace pannier::policies;

namespace {

const ConnectionFacts facts{"127.0.0.1:50000", "127.0.0.1:6380", 12, 3, 5, false, false};

ClientFilter filter_of(std::vector<std::string_view> words) { return ClientFilter::of_kill(words); }

/// The value of a field of CLIENT LIST; `-` when it is not there.
std::string field(const Client& client, std::string_view name,
                  const ConnectionFacts& about = facts) {
  const auto line = " " + client_line(client, about, TimePoint(seconds(100)), true);
  const auto at = line.find(" " + std::string(name) + "=");
  if (at == line.npos) return "-";
  const auto from = at + name.size() + 2;
  return line.substr(from, line.find_first_of(" \n", from) - from);
}

}  // namespace

TEST_CASE("A line of CLIENT LIST has Redis's fields in Redis's order") {
  Client client;
  client.id = 7;
  client.since = TimePoint(seconds(40));
  client.last_at = TimePoint(seconds(98));
  client.last = protocol::find_command("get");
  CHECK(client_line(client, facts, TimePoint(seconds(100)), false) ==
        "id=7 addr=127.0.0.1:50000 laddr=127.0.0.1:6380 fd=12 name= age=60 idle=2 flags=N db=0 "
        "sub=0 psub=0 ssub=0 multi=-1 qbuf=3 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=5 "
        "oll=0 omem=0 tot-mem=" +
            std::to_string(8 + sizeof(Client)) +
            " events=rw cmd=get user=default redir=-1 resp=2\n");
}

TEST_CASE("CLIENT LIST names the library where Redis does") {
  Client client;
  client.library = "redis-py";
  CHECK(field(client, "lib-name") == "redis-py");
  const auto older = client_line(client, facts, TimePoint(), false);
  CHECK(older.find("lib-name") == older.npos);
}

TEST_CASE("CLIENT LIST tells the state of a client") {
  Client client;
  CHECK(field(client, "cmd") == "NULL");
  client.last = protocol::find_command("client");
  client.subcommand = "list";
  CHECK(field(client, "cmd") == "client|list");
  client.name = "me";
  CHECK(field(client, "name") == "me");
  client.in_multi = true;
  client.queued = 3;
  CHECK(field(client, "flags") == "x");
  CHECK(field(client, "multi") == "3");
  client.in_multi = false;
  client.may_block = true;
  CHECK(field(client, "flags") == "N");
  client.open = 1;
  CHECK(field(client, "flags") == "b");
  client.tracking = true;
  client.redirect = 9;
  CHECK(field(client, "flags") == "bt");
  CHECK(field(client, "redir") == "9");
  client.speak(protocol::Resp::v3);
  CHECK(field(client, "resp") == "3");
}

TEST_CASE("CLIENT LIST tells subscribers, monitors and unix sockets apart") {
  Client client;
  ConnectionFacts about = facts;
  about.subscribed = true;
  CHECK(field(client, "flags", about) == "P");
  CHECK(field(client, "sub", about) == "1");
  client.last = protocol::find_command("monitor");
  CHECK(field(client, "flags", about) == "O");
  about.subscribed = false;
  about.unix_socket = true;
  client.last = nullptr;
  CHECK(field(client, "flags", about) == "U");
}

TEST_CASE("Kinds of clients are named as Redis names them") {
  CHECK(client_type("normal") == ClientType::normal);
  CHECK(client_type("PubSub") == ClientType::pubsub);
  CHECK(client_type("slave") == ClientType::replica);
  CHECK(client_type("replica") == ClientType::replica);
  CHECK(client_type("master") == ClientType::master);
  CHECK_FALSE(client_type("other"));
}

TEST_CASE("CLIENT KILL with one word means an address, and may mean the asking client") {
  const auto filter = filter_of({"127.0.0.1:50000"});
  CHECK(filter.is_old);
  CHECK_FALSE(filter.skip_me);
  CHECK(filter.meets(Client{}, facts));
  CHECK_FALSE(filter_of({"127.0.0.1:50001"}).meets(Client{}, facts));
}

TEST_CASE("All that CLIENT KILL asks for must be met") {
  Client client;
  client.id = 7;
  CHECK(filter_of({"ID", "7"}).meets(client, facts));
  CHECK_FALSE(filter_of({"ID", "8"}).meets(client, facts));
  CHECK(filter_of({"id", "7", "ADDR", "127.0.0.1:50000"}).meets(client, facts));
  CHECK_FALSE(filter_of({"ID", "7", "LADDR", "127.0.0.1:1"}).meets(client, facts));
  CHECK(filter_of({"TYPE", "normal", "USER", "default"}).meets(client, facts));
  CHECK_FALSE(filter_of({"TYPE", "pubsub"}).meets(client, facts));
  CHECK_FALSE(filter_of({"TYPE", "master"}).meets(client, facts));
  CHECK(filter_of({"ID", "7"}).skip_me);
  CHECK_FALSE(filter_of({"ID", "7", "SKIPME", "no"}).skip_me);
  CHECK(filter_of({"ID", "7", "SKIPME", "yes"}).skip_me);
}

TEST_CASE("What CLIENT KILL cannot mean is refused in Redis's words") {
  CHECK(filter_of({"ID", "x"}).error == "ERR client-id should be greater than 0");
  CHECK(filter_of({"ID", "0"}).error == "ERR client-id should be greater than 0");
  CHECK(filter_of({"TYPE", "x"}).error == "ERR Unknown client type 'x'");
  CHECK(filter_of({"USER", "bob"}).error == "ERR No such user 'bob'");
  CHECK(filter_of({"SKIPME", "x"}).error == "ERR syntax error");
  CHECK(filter_of({"ID", "7", "ADDR"}).error == "ERR syntax error");
  CHECK(filter_of({"NOSUCH", "7"}).error == "ERR syntax error");
}
