#pragma once

#include "policies/core.hpp"

namespace pannier::policies {

/// One command of which the reply is the client's as it is, in the client's protocol.
class RelayedReply final : public Exchange {
 public:
  RelayedReply(Ticket ticket, Link link) : ticket_(ticket), link_(link) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.reply_from(link_, ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  Link link_;
};

}  // namespace pannier::policies
