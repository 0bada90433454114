#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/core.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

/// What a SET, SETEX, PSETEX, GETSET or SETNX asks for.
struct StoreRequest {
  std::string_view value;
  std::optional<milliseconds> ttl;                 ///< The client's, counted from now.
  bool only_absent = false, only_present = false;  ///< NX, XX
  bool get = false, keep_ttl = false;
};

/// Reads the arguments of one of these commands; nothing when they are not in order, so that
/// upstream should see them as they are and say so itself.
std::optional<StoreRequest> parse_store(std::string_view lower_name,
                                        std::span<const std::string_view> args, ServerTime now);

/// Appends `SET key value PXAT expiry [NX|XX] [GET]`, or KEEPTTL where that was asked for.
void append_store(std::string& wire, const Subject& subject, const StoreRequest& request,
                  ServerTime expiry);

/// How many options it has, and what stands behind its key.
std::size_t count_options(const StoreRequest& request);
void append_value_and_options(std::string& wire, const StoreRequest& request, ServerTime expiry);

/// Announces a write that begins at a moment still to come. \returns the number of replies.
std::uint32_t announce_if_ahead(std::string& wire, const Subject& subject, ServerTime born,
                                const Core& core);

/// Whether upstream has to say when a write that nobody missed begins: a generation is not known
/// here, or it begins at a moment still to come (see beginning.hpp).
bool must_begin_upstream(const Subject& subject, const Core& core);

/// The same by the script store_now: for a value with tags whose generations are not known here.
/// `life` counts from when it is carried out.
void append_store_now(std::string& wire, const Subject& subject, const StoreRequest& request,
                      milliseconds life, const Core& core);

/// Appends what gives a key that was just written its life, if it has none: PEXPIREAT, or the
/// script expire_now where its tags' generations are not known here. One reply.
/// \param missed when the key was found missing, if its value was loaded because of that.
void append_expiry(std::string& wire, const Subject& subject, const Core& core,
                   std::optional<ServerTime> missed);

/// Appends the entries of a stored key in the lists of its tags. \returns the number of commands.
std::uint32_t append_index(std::string& wire, const Subject& subject, ServerTime expiry);

/// A SET under a rule on its way. When Redis has taken it, those who waited for the value get the
/// bytes of this very SET, without another GET.
class Store final : public Exchange {
 public:
  Store(SubjectRef subject, WriteUnderWay write, Link link, Ticket ticket,
        const StoreRequest& request)
      : subject_(std::move(subject)),
        write_(std::move(write)),
        link_(link),
        ticket_(ticket),
        only_absent_(request.only_absent),
        only_present_(request.only_present),
        get_(request.get) {}

  /// When the value began to be computed.
  void born(ServerTime at) { born_ = at; }
  /// Keeps the value for those who wait; not called when nobody can.
  void keep(std::string_view value);
  /// The load this SET ends began then.
  void ends_load(TimePoint began) { load_began_ = began; }
  /// Which reply is its own; those before it say nothing.
  void answered_at(std::size_t part) { at_ = part; }
  /// It may come back refused, as guard::append_store says; `id` is the exchange's.
  void guarded(ExchangeId id) { guarded_ = id; }
  /// The key has a row in a second tier: its client has written it, or it is what is stored.
  enum class Row : std::uint8_t { none, written, source };
  void row(Row row) { row_ = row; }
  /// It is the sidecar's own, of what it has loaded.
  void of_load() { is_load_ = true; }
  /// SETNX answers 1 and 0 where SET NX answers OK and nil.
  void answer_as_setnx() { as_setnx_ = true; }

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  /// Whether the reply says that the value was stored.
  bool taken(bool error, bool null) const;
  /// Whether it may be what a lease waits for: SET NX never is (locks).
  bool fills() const { return !only_absent_; }
  void stored(Core& core);
  void refused(protocol::ReplyReader& reader, Core& core);

  SubjectRef subject_;
  WriteUnderWay write_;
  Link link_;
  Ticket ticket_;
  bool only_absent_, only_present_, get_;
  bool as_setnx_ = false, answered_ = false, is_load_ = false;
  Row row_ = Row::none;
  std::optional<ExchangeId> guarded_;
  std::size_t at_ = 0;
  ServerTime born_ = ServerTime::max();
  std::optional<std::string> kept_;  ///< As a bulk reply.
  std::optional<TimePoint> load_began_;
};

/// Any other command that writes keys under rules. Its first reply is the client's; the rest are
/// of the expiries that were sent behind it.
class Write final : public Exchange {
 public:
  /// \param writes of the subjects, and of keys that nobody can wait for.
  Write(Link link, Ticket ticket, std::vector<SubjectRef> subjects,
        std::vector<WriteUnderWay> writes)
      : link_(link), ticket_(ticket), subjects_(std::move(subjects)), writes_(std::move(writes)) {}
  /// As in Store.
  void answered_at(std::size_t part) { at_ = part; }

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;
  /// It has written these rows before; `fills`: keys of which upstream may leave out the value
  /// (guard::Pair), each with what is expected. Behind all else their records are asked for, in
  /// order, from reply `from` on.
  void rows(std::vector<SubjectRef> written, std::vector<std::pair<SubjectRef, std::string>> fills,
            std::size_t from) {
    rows_ = std::move(written);
    fills_ = std::move(fills);
    fills_from_ = from;
  }
  /// Only a mistake that tests make needs it (Bug::retry_incr).
  void wire(std::string_view wire) { wire_ = wire; }

 private:
  void take_back_rows(Core& core);

  Link link_;
  Ticket ticket_;
  std::vector<SubjectRef> subjects_;
  std::vector<WriteUnderWay> writes_;
  std::vector<SubjectRef> rows_;
  std::vector<std::pair<SubjectRef, std::string>> fills_;
  std::size_t at_ = 0, fills_from_ = 0;
  std::string wire_;
  bool answered_ = false;
};

}  // namespace pannier::policies
