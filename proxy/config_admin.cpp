#include <algorithm>
#include <set>

#include "proxy/address.hpp"
#include "proxy/admin_aliases.hpp"
#include "proxy/config_json.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::AdminSettings;
using policies::quoted;
using policies::Role;

constexpr std::size_t decent_token = 16;

bool is_host_name(std::string_view name) {
  const auto parsed = parse_address(std::string(name) + ":1");
  return parsed && !parsed->is_unix();
}

void read_allowed_hosts(const ConfigNode& node, AdminSettings& admin, Findings& findings) {
  admin.allowed_hosts = read_texts(node, "allowed_hosts", findings);
  for (std::size_t i = 0; i < admin.allowed_hosts.size(); ++i) {
    if (is_host_name(admin.allowed_hosts[i])) continue;
    findings.error(node.items[i].mark, "allowed_hosts: " + quoted(admin.allowed_hosts[i]) +
                                           " is not a host name; write it without http:// or port");
  }
}

// Tokens. No text about one repeats it.

constexpr Field<AdminSettings::Token> token_fields[] = {
    {"name", [](const ConfigNode& node, AdminSettings::Token& token,
                Findings& findings) { read_scalar(node, "name", token.name, findings); }},
    {"token",
     [](const ConfigNode& node, AdminSettings::Token& token, Findings& findings) {
       if (expect(ConfigNode::Kind::scalar, node, "token", findings)) token.token = node.text;
     }},
    {"token_file",
     [](const ConfigNode& node, AdminSettings::Token& token, Findings& findings) {
       read_scalar(node, "token_file", token.token_file, findings);
     }},
    {"role", [](const ConfigNode& node, AdminSettings::Token& token,
                Findings& findings) { read_scalar(node, "role", token.role, findings); }},
};

void check_token(const ConfigNode& node, const AdminSettings::Token& token, Findings& findings) {
  const bool has_token = node.find("token") != nullptr;
  const bool has_file = node.find("token_file") != nullptr;
  if (token.name.empty()) return findings.error(node.mark, "tokens: each needs a name");
  if (has_token == has_file) {
    return findings.error(node.mark,
                          "tokens: " + quoted(token.name) + " needs a token or a token_file");
  }
  if (has_file && token.token_file.empty()) {
    return findings.error(mark_of(node, "token_file"), "token_file: its name is empty");
  }
  if (token.role == Role::none) {
    return findings.error(mark_of(node, "role"), "role: one with none may do nothing; remove it");
  }
  if (!has_token) return;
  const auto wrong = objection_to_token(token.token);
  if (!wrong.empty()) return findings.error(mark_of(node, "token"), "token: " + wrong);
  if (token.token.size() < decent_token) {
    findings.warning(mark_of(node, "token"), "token: that of " + quoted(token.name) +
                                                 " is short; make it with: openssl rand -hex 16");
  }
}

void read_tokens(const ConfigNode& node, AdminSettings& admin, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "tokens", findings)) return;
  std::set<std::string> names, tokens;
  for (const auto& item : node.items) {
    auto& token = admin.tokens.emplace_back();
    read_map<AdminSettings::Token>(item, "each of tokens", "in a token", token_fields, token,
                                   findings);
    check_token(item, token, findings);
    if (!names.insert(token.name).second) {
      findings.error(item.mark, "tokens: the name " + quoted(token.name) + " is written twice");
    }
    if (!token.token.empty() && !tokens.insert(token.token).second) {
      findings.error(item.mark, "tokens: " + quoted(token.name) + " has the token of another one");
    }
  }
}

// Aliases.

constexpr Field<AdminSettings::Alias> alias_fields[] = {
    {"method", [](const ConfigNode& node, AdminSettings::Alias& alias,
                  Findings& findings) { read_scalar(node, "method", alias.method, findings); }},
    {"to", [](const ConfigNode& node, AdminSettings::Alias& alias,
              Findings& findings) { read_scalar(node, "to", alias.to, findings); }},
    {"reply", [](const ConfigNode& node, AdminSettings::Alias& alias,
                 Findings&) { alias.reply = json_of(node); }},
};

Mark mark_of(const ConfigNode::Entry& entry, AdminAlias::Wrong::Part part) {
  using Part = AdminAlias::Wrong::Part;
  switch (part) {
    case Part::path:
      return entry.mark;
    case Part::method:
      return mark_of(entry.value, "method");
    case Part::to:
      return mark_of(entry.value, "to");
    case Part::reply:
      return mark_of(entry.value, "reply");
  }
  return entry.mark;
}

void read_aliases(const ConfigNode& node, AdminSettings& admin, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "aliases", findings)) return;
  for (const auto& entry : node.entries) {
    auto& alias = admin.aliases.emplace_back();
    alias.path = entry.key;
    const auto where = "in alias " + quoted(entry.key);
    if (entry.value.kind == ConfigNode::Kind::scalar) {
      read_scalar(entry.value, quoted(entry.key), alias.to, findings);
    } else {
      read_map<AdminSettings::Alias>(entry.value, quoted(entry.key), where, alias_fields, alias,
                                     findings);
      if (!entry.value.find("to") && !findings.failed())
        findings.error(entry.mark, "aliases: to is missing " + where);
    }
    if (alias.to.empty()) continue;
    const auto compiled = AdminAlias::compile(alias);
    if (compiled) continue;
    const auto& wrong = compiled.error();
    findings.error(mark_of(entry, wrong.part),
                   "aliases: " + quoted(entry.key) + ": " + wrong.sentence);
  }
}

constexpr Field<AdminSettings> admin_fields[] = {
#define PANNIER_ADMIN PANNIER_FIELD
#include "policies/settings.def"
    {"allowed_hosts", read_allowed_hosts},
    {"tokens", read_tokens},
    {"aliases", read_aliases},
};

void check_reach(const ConfigNode& node, const AdminSettings& admin, Findings& findings) {
  if (admin.listen == "off") return;
  const auto address = parse_address(admin.listen);
  const Mark mark = mark_of(node, "listen");
  if (!address) return findings.error(mark, "admin: " + address.error());
  if (!address->is_unix() && address->is_local()) return;
  const auto sentence = "admin: " + quoted(admin.listen) +
                        " is not a loopback address such as 127.0.0.1:9180, nor off";
  if (address->is_unix()) return findings.error(mark, sentence);
  if (admin.tokens.empty()) {
    return findings.error(mark, sentence + "; where others reach it admin.tokens are needed");
  }
  findings.warning(mark, "admin: tokens travel in clear text to " + quoted(admin.listen) +
                             "; let nobody between who should not read them");
}

}  // namespace

std::string objection_to_token(std::string_view token) {
  if (token.empty()) return "it is empty";
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(token, is_plain)) return "it has blanks, or what is not ASCII";
  return {};
}

void read_admin(const ConfigNode& node, AdminSettings& section, Findings& findings) {
  if (node.kind == ConfigNode::Kind::scalar) {
    read_scalar(node, "admin", section.listen, findings);
  } else {
    read_map<AdminSettings>(node, "admin", "in admin", admin_fields, section, findings);
  }
  check_reach(node, section, findings);
  if (!section.tokens.empty() && node.find("resp") == nullptr) {
    findings.warning(mark_of(node, "tokens"),
                     "tokens: they are asked for over HTTP only; what clients may do with PANNIER "
                     "says resp (now: admin)");
  }
}

}  // namespace pannier::proxy
