// SPDX-License-Identifier: MIT
#include "microlinkd/allowed_peers.h"

#include <vector>

#include "microlink/json/writer.h"

namespace microlink::tools {

std::string problem_of_list(const std::string &list) {
  std::string_view wrong;
  const Error error = Client::check_allowed_peers(list, &wrong);
  if (error == Error::NONE)
    return {};
  return "\"" + std::string(wrong) + "\" " + allowed_peers_problem(error);
}

std::string list_of(const JsonValue &peers, std::string &problem) {
  std::string out;
  problem = peers.is(JsonValue::Kind::ARRAY) ? "" : "\"peers\" is a list of texts";
  for (const JsonValue &each : peers.items()) {
    if (!each.is(JsonValue::Kind::STRING) || each.text().find_first_of(" ,\t\r\n") != std::string::npos)
      problem = "\"peers\" is a list of texts, one peer in each";
    out += (out.empty() ? "" : " ") + each.text();
  }
  if (problem.empty())
    problem = problem_of_list(out);
  return out;
}

std::string allowed_peers_json(const posix::Snapshot &snapshot) {
  if (snapshot.everybody_allowed)
    return "null";
  std::vector<uint8_t> room(4096);  // MAX_ALLOWED_PEERS times the longest entry
  json::Writer out(room);
  out.begin_array();
  for (const std::string &each : snapshot.allowed_peers)
    out.string(each);
  out.end_array();
  return std::string(out.text());
}

std::string render_allowed_peers(const JsonValue &answer) {
  const JsonValue &peers = answer["allowed_peers"];
  std::string out;
  for (const JsonValue &each : peers.items())
    out += each.text() + "\n";
  if (out.empty())
    out = peers.is(JsonValue::Kind::ARRAY) ? "nobody\n" : "everybody whom the tailnet's rules let in\n";
  return out;
}

}  // namespace microlink::tools
