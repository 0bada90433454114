#include "proxy/sql_connection.hpp"

#include <libpq-fe.h>
#include <sys/ioctl.h>

#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "proxy/sql_parameters.hpp"
#include "proxy/sql_statement.hpp"

namespace pannier::proxy {

using Error = boost::system::error_code;
using Kind = SqlAnswer::Kind;

namespace {

/// pg_type.dat: the type of bytes.
constexpr Oid bytea = 17;

struct Clear {
  void operator()(PGnotify* news) const { PQfreemem(news); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(char* text) const { PQfreemem(text); }
  void operator()(unsigned char* bytes) const { PQfreemem(bytes); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Result = std::unique_ptr<PGresult, Clear>;

std::optional<SqlParameters> parse(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, Clear> options(PQconninfoParse(url.c_str(), &error));
  const std::unique_ptr<char, Clear> text(error);
  if (!options) return {};
  SqlParameters parameters;
  for (auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters[option->keyword] = option->val;
  }
  return parameters;
}

/// Where libpq would connect to without being told, from its environment.
void add_default_place(SqlParameters& parameters) {
  const bool is_placed = parameters.contains("host") || parameters.contains("hostaddr");
  const std::unique_ptr<PQconninfoOption, Clear> options(PQconndefaults());
  if (!options) return;
  for (auto* option = options.get(); option->keyword != nullptr; ++option) {
    const std::string name = option->keyword;
    const bool is_place = name == "host" || name == "hostaddr";
    if (option->val == nullptr || (!is_place && name != "port") || (is_place && is_placed))
      continue;
    parameters.emplace(name, option->val);
  }
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

std::string sql_url_error(const std::string& url) {
  const auto parameters = parse(url);
  if (parameters && url.find('\0') == std::string::npos) return wrong_with(*parameters);
  return "not a URL of PostgreSQL; write postgresql://user:password@host:port/database";
}

SqlConnection::SqlConnection(Loop& loop, const SqlSession& session)
    : loop_(loop), session_(session), resolver_(loop), timer_(loop), socket_(loop) {}

void SqlConnection::Finish::operator()(pg_conn* link) const { PQfinish(link); }

void SqlConnection::open(std::size_t turn, Events events) {
  events_ = std::move(events);
  state_ = State::connecting;
  expire_at(Timer::clock_type::now() + session_.connect_timeout);
  if (auto error = sql_url_error(session_.url); !error.empty()) {
    asio::post(loop_, [self = shared_from_this(), error] { self->lose(error); });
    return;
  }
  parameters_ = *parse(session_.url);
  add_default_place(parameters_);
  add_session(parameters_, session_);
  resolve_hosts(resolver_, {parameters_["host"], parameters_["hostaddr"], parameters_["port"]},
                turn, [self = shared_from_this()](const SqlHosts& hosts, const std::string& error) {
                  if (self->state_ != State::connecting) return;
                  error.empty() ? self->connect(hosts) : self->lose(error);
                });
}

void SqlConnection::connect(const SqlHosts& hosts) {
  parameters_["host"] = hosts.host;
  parameters_["hostaddr"] = hosts.hostaddr;
  parameters_["port"] = hosts.port;
  std::vector<const char*> names, values;
  for (const auto& [name, value] : parameters_) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  link_.reset(PQconnectStartParams(names.data(), values.data(), 0));
  parameters_.clear();
  if (!link_ || PQstatus(link_.get()) == CONNECTION_BAD) {
    return lose(link_ ? PQerrorMessage(link_.get()) : "out of memory");
  }
  PQsetNoticeProcessor(
      link_.get(), [](void*, const char*) {}, nullptr);
  // So that a refused login has its code.
  PQsetErrorVerbosity(link_.get(), PQERRORS_VERBOSE);
  poll_connect(true);
}

void SqlConnection::poll_connect(bool is_first) {
  // libpq may close its socket in there and open another one, with the same number even.
  if (socket_.is_open()) socket_.release();
  const auto status = is_first ? PGRES_POLLING_WRITING : PQconnectPoll(link_.get());
  if (status == PGRES_POLLING_FAILED) return lose(PQerrorMessage(link_.get()));
  socket_.assign(PQsocket(link_.get()));
  if (status == PGRES_POLLING_OK) return opened();
  socket_.async_wait(status == PGRES_POLLING_READING ? socket_.wait_read : socket_.wait_write,
                     [self = shared_from_this()](Error error) {
                       if (!error && self->state_ == State::connecting) self->poll_connect(false);
                     });
}

void SqlConnection::opened() {
  if (PQsetnonblocking(link_.get(), 1) != 0) return lose(PQerrorMessage(link_.get()));
  PQsetErrorVerbosity(link_.get(), PQERRORS_DEFAULT);
  state_ = State::idle;
  expire_at(Time::max());
  wait_to_read();
  const auto opened = events_.opened;
  if (opened) opened();
}

void SqlConnection::flush() {
  const int unsent = PQflush(link_.get());
  if (unsent < 0) return lose(PQerrorMessage(link_.get()));
  if (unsent > 0) wait_to_write();
}

void SqlConnection::readable() {
  int before = 0, after = 0;
  const int socket = socket_.native_handle();
  ::ioctl(socket, FIONREAD, &before);
  if (PQconsumeInput(link_.get()) != 1) return lose(PQerrorMessage(link_.get()));
  ::ioctl(socket, FIONREAD, &after);
  if (before > after) unread_bytes_ += static_cast<std::size_t>(before - after);
  read_results();
  notify();
  if (state_ != State::busy) {
    unread_bytes_ = 0;  // Of what nobody asked for: notifications.
    return;
  }
  // libpq collects a row until it is complete, however long it is.
  const bool is_long = unread_bytes_ > 128 << 10 && unread_bytes_ / 2 > rows_->max_bytes();
  if (is_long) {
    break_off({.kind = Kind::too_large, .error = "a row is too long", .rows = rows_->rows()});
  }
}

void SqlConnection::run(const SqlQuery& query, Time deadline, Done done) {
  state_ = State::busy;
  done_ = std::move(done);
  rows_.emplace(query);
  failure_.reset();
  unread_bytes_ = 0;
  expire_at(deadline);
  const int unsent = send(query) ? PQflush(link_.get()) : -1;
  if (unsent > 0) wait_to_write();
  if (unsent >= 0) return;
  asio::post(loop_, [self = shared_from_this()] {
    if (self->state_ == State::busy) self->lose(PQerrorMessage(self->link_.get()));
  });
}

bool SqlConnection::send(const SqlQuery& query) {
  std::vector<const char*> params;
  for (const auto& param : query.params) params.push_back(param ? param->c_str() : nullptr);
  const auto send_one = [this](const std::string& sql, const std::vector<const char*>& values) {
    return PQsendQueryParams(link_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0) == 1;
  };
  const auto sql = statement_of(query);
  pipelined_ = session_.transaction_pool && query.shape != SqlQuery::Shape::none;
  part_ = pipelined_ ? Part::limits : Part::query;
  if (!pipelined_) return send_one(sql, params) && PQsetSingleRowMode(link_.get()) == 1;
  // Until the Sync it is one transaction, without a BEGIN that an error would leave open.
  return PQenterPipelineMode(link_.get()) == 1 && send_one(limits_of(session_), {}) &&
         send_one(sql, params) && PQpipelineSync(link_.get()) == 1;
}

void SqlConnection::read_results() {
  while (state_ == State::busy && PQisBusy(link_.get()) == 0) {
    const Result result(PQgetResult(link_.get()));
    result ? take(*result) : end_of_part();
  }
}

void SqlConnection::end_of_part() {
  if (PQstatus(link_.get()) == CONNECTION_BAD) return lose(PQerrorMessage(link_.get()));
  if (part_ == Part::query && !pipelined_) return finish();
  if (part_ == Part::end) return lose("more results than statements");
  part_ = part_ == Part::limits ? Part::query : Part::end;
  if (part_ == Part::query && !failure_ && PQsetSingleRowMode(link_.get()) != 1) {
    lose("rows would not come one by one");
  }
}

void SqlConnection::take(const pg_result& result) {
  switch (PQresultStatus(&result)) {
    case PGRES_SINGLE_TUPLE:
      return take_row(result);
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_PIPELINE_ABORTED:
      return;
    case PGRES_PIPELINE_SYNC:
      return PQexitPipelineMode(link_.get()) == 1 ? finish() : lose("a pipeline did not end");
    case PGRES_FATAL_ERROR:
      return take_error(result);
    case PGRES_EMPTY_QUERY:
      failure_ = SqlAnswer{.kind = Kind::error, .error = "the statement is empty"};
      return;
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
      break;
  }
  break_off({.kind = Kind::error, .error = "a statement without rows, such as COPY"});
}

void SqlConnection::take_row(const pg_result& result) {
  // libpq remembers the last query's wish for single rows when a pipeline begins.
  if (part_ != Part::query) return;
  unread_bytes_ = 0;
  std::optional<std::string_view> column;
  std::unique_ptr<unsigned char, Clear> bytes;
  if (PQnfields(&result) > 0 && PQgetisnull(&result, 0, 0) == 0) {
    const auto* text = PQgetvalue(&result, 0, 0);
    column = std::string_view(text, static_cast<std::size_t>(PQgetlength(&result, 0, 0)));
    if (rows_->shape() == SqlQuery::Shape::raw && PQftype(&result, 0) == bytea) {
      std::size_t size = 0;
      bytes.reset(PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size));
      column = std::string_view(reinterpret_cast<const char*>(bytes.get()), size);
    }
  }
  if (rows_->take(column)) return;
  break_off({.kind = Kind::too_large, .error = rows_->why_too_large(), .rows = rows_->rows()});
}

void SqlConnection::take_error(const pg_result& result) {
  const auto field = [&result](int code) { return text_of(PQresultErrorField(&result, code)); };
  SqlAnswer answer{.kind = Kind::error, .sqlstate = field(PG_DIAG_SQLSTATE)};
  answer.error = one_line(field(PG_DIAG_MESSAGE_PRIMARY));
  const auto severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  // Those of libpq itself have no code; after FATAL PostgreSQL closes the connection.
  if (answer.sqlstate.empty() || severity == "FATAL" || severity == "PANIC") {
    answer.kind = Kind::lost;
    if (answer.error.empty()) answer.error = one_line(text_of(PQresultErrorMessage(&result)));
  }
  if (answer.sqlstate == too_many_connections) answer.kind = Kind::busy;
  failure_ = std::move(answer);
}

void SqlConnection::finish() {
  const bool is_clean =
      PQstatus(link_.get()) == CONNECTION_OK && PQtransactionStatus(link_.get()) == PQTRANS_IDLE;
  if (!is_clean && !failure_) {
    failure_ = SqlAnswer{.kind = Kind::error, .error = "the statement left a transaction open"};
  }
  auto answer = failure_ ? std::move(*failure_) : std::move(*rows_).answer();
  rows_.reset();
  failure_.reset();
  if (!is_clean || answer.kind == Kind::lost) return break_off(std::move(answer));
  expire_at(Time::max());
  state_ = State::idle;
  std::exchange(done_, nullptr)(std::move(answer));
}

void SqlConnection::notify() {
  while (!is_closed()) {
    const std::unique_ptr<PGnotify, Clear> news(PQnotifies(link_.get()));
    if (!news) return;
    const auto notified = events_.notified;
    if (notified) notified(news->relname, news->extra);
  }
}

std::string SqlConnection::quoted(const std::string& identifier) const {
  const std::unique_ptr<char, Clear> text(
      PQescapeIdentifier(link_.get(), identifier.data(), identifier.size()));
  return text_of(text.get());
}

}  // namespace pannier::proxy
