#include <filesystem>
#include <fstream>

#include "config_errors.hpp"

using namespace pannier::proxy;
using namespace std::chrono_literals;

namespace {

// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500`
// for these tests; nobody trusts them.
const std::string certificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbzCCARWgAwIBAgIUAelaNviLWZHYWyvJCPhpKNdHf3QwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBYTAgFw0yNjExMjEwOTQzMzFaGA8yMTI2MTAyODA5NDMzMVow\n"
    "DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIwThcqwUUsn\n"
    "Bij8BqRc9faXtkbqkm5rmFR9I9MHidwqk77JbxFqzLDard/afau6LNlBmEKt8Rbx\n"
    "KujeyFcM17ijUzBRMB0GA1UdDgQWBBRxh2DWLXzEgbXcBIfsgYAJjtuXLzAfBgNV\n"
    "HSMEGDAWgBRxh2DWLXzEgbXcBIfsgYAJjtuXLzAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0gAMEUCIApm2J9t6diZLBSXc//0cHOg/jJ+dwNblLwF5CKgBBvb\n"
    "AiEAzrQZOUeE1nE9WY3crYIYdxRIpO/bfSJNcrKK59MmyDs=\n"
    "-----END CERTIFICATE-----\n";
const std::string its_key =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGPBEJGUtLt1gaKY8\n"
    "DnOg2RWpNIjccFu+aBaKdvvMGAehRANCAASME4XKsFFLJwYo/AakXPX2l7ZG6pJu\n"
    "a5hUfSPTB4ncKpO+yW8Rasyw2q3f2n2ruizZQZhCrfEW8Sro3shXDNe4\n"
    "-----END PRIVATE KEY-----\n";
const std::string other_key =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIEbcSO+jpDfyr3C1QZUCd4mrEZZyzKb0DC4S/ZKgKhpyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEjjLo5lL2byqIPwLXR48XXyULPsq+sVfNQ+jdTIEp9uYAqi7ZZmTE\n"
    "drDJ/eWOmbZtU4mpzc5L/0RoYywOO837WQ==\n"
    "-----END EC PRIVATE KEY-----\n";
const std::string locked_key =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhvA7cLfx5ACwICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMzQHVT8FWsPgpTEjXKZ2GcEgZBV\n"
    "4B99zQ8AtGAZHjBA9mKqujy1JiQot+S3vN48a7HON/qFXmf6WNSnAxuv5DTvT58i\n"
    "x7JOFfcggmhB6oTi6us6iOBbR6NN+oWr0b2t7aAt/HneDyW8qatPZNclWOl8ce0h\n"
    "Le3UxpQWRm6Bx/9/RQqb+X8dYCASZrEwbvEfOaM3CcXbxPXnccG8aripU9hYCF4=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/// A folder with the files above, for as long as it lives.
class Files {
 public:
  Files() {
    std::string name =
        (std::filesystem::temp_directory_path() / "pannier-tls-").string() + std::string(6, 'X');
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    write("cert", certificate);
    write("key", its_key);
    write("other", other_key);
    write("locked", locked_key);
    write("empty", "");
    write("text", "no PEM\n");
  }
  ~Files() { std::filesystem::remove_all(folder_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string operator()(const std::string& name) const { return folder_ / name; }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_;
};

}  // namespace

TEST_CASE("TLS is read on both sides, and printed back") {
  const Files file;
  const auto loaded = parse_config(
      "listen: off\nlisten_tls: 0.0.0.0:6390\nlisten_unix: /run/p.sock\n"
      "tls: {cert: " +
          file("cert") + ", key: " + file("key") + ", ca: " + file("cert") +
          ", handshake_timeout: 2s}\n" +
          "upstream: {url: \"rediss://h\", tls: {ca: " + file("cert") + ", cert: " + file("cert") +
          ", key: " + file("key") + ", server_name: redis.example}}\n",
      "c");
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  CHECK(loaded->warnings.empty());
  const auto& settings = loaded->settings;
  CHECK(settings.listen == "off");
  CHECK(settings.listen_tls == "0.0.0.0:6390");
  CHECK(settings.listen_unix == "/run/p.sock");
  CHECK(settings.tls.ca == file("cert"));
  CHECK(settings.tls.handshake_timeout == 2s);
  CHECK(settings.upstream.tls.server_name == "redis.example");
  CHECK(settings.upstream.tls.verify);
  const auto printed = print_config(settings);
  CHECK(print_config(parse_config(printed, "printed")->settings) == printed);
}

TEST_CASE("Files that TLS cannot use are refused where they are named") {
  const Files file;
  const auto tls = [](const std::string& cert, const std::string& key) {
    return "tls: {\ncert: " + cert + ",\nkey: " + key + "}";
  };
  check_rows({
      {tls("/no/file", file("key")),
       "2:7: cert: '/no/file' cannot be read: No such file or directory"},
      {tls(file("empty"), file("key")), "2:7: cert: '" + file("empty") + "' is empty"},
      {tls(file("text"), file("key")),
       "2:7: cert: '" + file("text") + "' holds no certificate in PEM form"},
      {tls(file("cert"), file("text")),
       "3:6: key: '" + file("text") + "' holds no private key in PEM form without a passphrase"},
      {tls(file("cert"), file("locked")),
       "3:6: key: '" + file("locked") + "' holds no private key in PEM form without a passphrase"},
      {tls(file("cert"), file("other")), "3:6: key: '" + file("other") +
                                             "' is not the key of the certificate in '" +
                                             file("cert") + "'"},
      {"tls: {cert: " + file("cert") + "}", "1:13: cert: a certificate is of no use without key"},
      {"tls: {key: " + file("key") + "}", "1:12: key: a key is of no use without cert"},
      {"upstream: {url: \"rediss://h\", tls: {ca: " + file("text") + "}}",
       "1:41: ca: '" + file("text") + "' holds no certificate in PEM form"},
      {"upstream: {url: \"rediss://h\", tls: {cert: " + file("cert") + "}}",
       "1:43: cert: a certificate is of no use without key"},
  });
}

TEST_CASE("TLS that is set up and not used, or used and not set up, is refused") {
  const Files file;
  const std::string tls = "tls: {cert: " + file("cert") + ", key: " + file("key") + "}\n";
  check_rows({
      {"upstream: {tls: {verify: false}}",
       "1:17: tls: the url asks for no TLS; write rediss://, or leave the section out"},
      {"upstream: {url: \"unix:/r\", tls: {ca: " + file("cert") + "}}",
       "1:33: tls: the url asks for no TLS; write rediss://, or leave the section out"},
      {"listen_tls: 127.0.0.1:6390",
       "1:13: listen_tls: a certificate is needed; give tls.cert and tls.key"},
      {tls + "listen_tls: 0.0.0.0:6390",
       "2:13: listen_tls: '0.0.0.0:6390' can be reached from other machines, and the sidecar has "
       "no authentication of its own; listen on a loopback address, demand certificates of "
       "clients with tls.ca, or set auth.password"},
      {tls + "listen_tls: 127.0.0.1:6380", "2:13: listen_tls: '127.0.0.1:6380' is listen, too"},
      {tls + "listen_tls: 127.0.0.1:9180",
       "2:13: listen_tls: '127.0.0.1:9180' is the address of admin, too"},
      {"listen_unix: run/p.sock",
       "1:14: listen_unix: 'run/p.sock' is neither an absolute path nor off"},
      {"upstream: {url: \"rediss://h\", tls: {server_name: \"a b\"}}",
       "1:50: server_name: 'a b' is not a host name"},
      {"tls: {handshake_timeout: 0}", "1:26: handshake_timeout: 0 would let nothing through"},
      {"tls: {crt: x}", "1:7: unknown key 'crt' in tls (did you mean 'cert'?)"},
  });
}

TEST_CASE("An upstream that is not verified is a warning") {
  const auto loaded = parse_config("upstream: {url: \"rediss://h\", tls: {verify: false}}", "c");
  REQUIRE(loaded.has_value());
  CHECK(loaded->warnings ==
        std::vector<std::string>{"c:1:45: verify: false: anybody can pose as upstream"});
}
