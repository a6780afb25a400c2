// SPDX-License-Identifier: MIT
#include "microlinkd/render.h"

#include <algorithm>

namespace microlink::tools {

namespace {

constexpr size_t LABEL_WIDTH = 11;

/// Text that other machines chose must not steer the terminal.
std::string plain(const std::string &text) {
  std::string out = text;
  std::replace_if(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  return out;
}

void line(std::string &out, std::string label, const std::string &text) {
  if (text.empty())
    return;
  label += ':';
  label.resize(std::max(LABEL_WIDTH, label.size() + 1), ' ');
  out += label + plain(text) + "\n";
}

std::string join(const JsonValue &list) {
  std::string out;
  for (const JsonValue &item : list.items())
    out += (out.empty() ? "" : " ") + item.text();
  return out;
}

/// Counters by reason.
std::string counted(const JsonValue &reasons) {
  std::string out;
  for (const std::string &reason : reasons.keys())
    out += (out.empty() ? "" : ", ") + reasons[reason].text() + " " + reason;
  return out;
}

std::string text_or(const JsonValue &value, const char *otherwise) {
  return value.text().empty() ? otherwise : plain(value.text());
}

std::string table(const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths;
  for (const auto &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i != row.size(); i++)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto &row : rows) {
    for (size_t i = 0; i != row.size(); i++) {
      std::string cell = row[i];
      if (i + 1 != row.size())
        cell.resize(widths[i] + 2, ' ');
      out += cell;
    }
    out += '\n';
  }
  return out;
}

std::string relay_text(const JsonValue &relay) {
  if (relay["region"].text().empty())
    return relay["connected"].truth() ? "connected" : "none";
  std::string out = text_or(relay["code"], "region") + " (" + relay["region"].text() + ")";
  return out + (relay["connected"].truth() ? ", connected" : ", not connected");
}

}  // namespace

std::string render_status(const JsonValue &status) {
  std::string out;
  line(out, "State", status["state"].text());
  line(out, "Login", status["login_url"].text());
  line(out, "Message", status["message"].text());
  line(out, "Name", status["name"].text());
  std::string addresses = status["ipv4"].text();
  if (!status["ipv6"].text().empty())
    addresses += (addresses.empty() ? "" : " ") + status["ipv6"].text();
  line(out, "Addresses", addresses);
  line(out, "Control", status["control"].text());
  line(out, "Relay", relay_text(status["relay"]));
  line(out, "NAT", status["nat"].text());
  line(out, "Endpoints", join(status["endpoints"]));
  line(out, "Node key", status["node_key"].text());
  line(out, "Expires", text_or(status["key_expiry"], "never, or not known yet"));
  if (status["tailnet_lock"].truth())
    line(out, "Lock", "this tailnet uses Tailnet Lock");
  std::string allowed = join(status["allowed_peers"]);
  if (allowed.empty())
    allowed = status["allowed_peers"].is(JsonValue::Kind::ARRAY) ? "nobody" : "everybody";
  line(out, "Allowed", allowed);
  if (status["filter_complete"].is(JsonValue::Kind::BOOLEAN) && !status["filter_complete"].truth())
    line(out, "Rules", "some of the tailnet's access rules do not fit here; what they permit is denied");
  line(out, "Peers", status["peers"]["in_table"].text() + " of " + status["peers"]["in_tailnet"].text());
  line(out, "Dropped", counted(status["statistics"]["rx_dropped"]));
  line(out, "Refused", counted(status["statistics"]["refused"]));
  line(out, "Version", status["version"].text());
  return out;
}

std::string render_peers(const JsonValue &peers) {
  std::vector<std::vector<std::string>> rows{{"NAME", "ADDRESS", "ONLINE", "PATH", "LATENCY", "HANDSHAKE", "RX", "TX"}};
  for (const JsonValue &peer : peers.items()) {
    const JsonValue &online = peer["online"];
    const std::string latency = peer["latency_ms"].text();
    const std::string age = peer["handshake_age_s"].text();
    std::string path = peer["direct"].text();
    if (path.empty())
      path = peer["home_derp"].text().empty() ? "-" : "derp " + peer["home_derp"].text();
    rows.push_back({text_or(peer["name"], "-"), text_or(peer["ipv4"], text_or(peer["ipv6"], "-").c_str()),
                    !online.is(JsonValue::Kind::BOOLEAN) ? "?"
                    : online.truth()                     ? "yes"
                                                         : "no",
                    path, latency.empty() ? "-" : latency + " ms", age.empty() ? "-" : age + " s",
                    peer["rx_bytes"].text(), peer["tx_bytes"].text()});
  }
  return rows.size() == 1 ? "no peers\n" : table(rows);
}

std::string render_netcheck(const JsonValue &netcheck) {
  std::string out;
  line(out, "NAT", netcheck["nat"].text());
  line(out, "Endpoints", join(netcheck["endpoints"]));
  line(out, "Home", netcheck["home_derp"].text().empty() ? "none" : "region " + netcheck["home_derp"].text());
  std::vector<std::vector<std::string>> rows{{"REGION", "CODE", "LATENCY"}};
  for (const JsonValue &relay : netcheck["relays"].items())
    rows.push_back({relay["region"].text(), text_or(relay["code"], "-"), relay["latency_ms"].text() + " ms"});
  return out + (rows.size() == 1 ? "no relay answered\n" : table(rows));
}

std::string render_pong(const JsonValue &pong) {
  const bool direct = pong["via"].text() == "direct";
  const std::string via = direct ? pong["endpoint"].text() : "DERP region " + text_or(pong["region"], "?");
  return "pong from " + plain(pong["peer"].text()) + " via " + via + " in " + pong["latency_ms"].text() + " ms\n";
}

}  // namespace microlink::tools
