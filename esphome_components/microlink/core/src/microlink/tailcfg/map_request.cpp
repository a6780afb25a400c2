// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/map_request.h"

namespace microlink::tailcfg {

Result<size_t> MapRequest::write(ByteSpan out) const {
  json::Writer json(out);
  this->write(json);
  if (!json.is_complete())
    return Error::NO_SPACE;
  return json.size();
}

void MapRequest::write(json::Writer &json) const {
  json.begin_object();
  json.key("Version").integer(CAPABILITY_VERSION);
  if (this->stream)
    json.key("KeepAlive").boolean(true);
  json.key("NodeKey").string(this->node_key.to_text());
  json.key("DiscoKey").string(this->disco_key.to_text());
  if (this->stream)
    json.key("Stream").boolean(true);
  if (this->omit_peers)
    json.key("OmitPeers").boolean(true);
  json.key("Hostinfo");
  this->hostinfo.write(json);
  if (!this->endpoints.empty()) {
    json.key("Endpoints").begin_array();
    for (const OwnEndpoint &own : this->endpoints)
      json.string(to_text(own.endpoint));
    json.end_array().key("EndpointTypes").begin_array();
    for (const OwnEndpoint &own : this->endpoints)
      json.integer(static_cast<int64_t>(own.type));
    json.end_array();
  }
  json.end_object();
}

}  // namespace microlink::tailcfg
