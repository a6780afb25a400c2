// SPDX-License-Identifier: MIT
#include "microlinkd/options.h"

namespace microlink::tools {

const char *usage() {
  return R"(microlinkd: a node of a tailnet

  microlinkd [run] OPTION...       the daemon
  microlinkd status                this node
  microlinkd peers                 the other nodes, and how they are reached
  microlinkd ping [-c N] PEER      PEER is a name, an address or a node key
  microlinkd netcheck              relays and NAT
  microlinkd watch                 events as they happen, one JSON object a line
  microlinkd allow [PEER...]       show or set who may talk with this node; --all, --none
  microlinkd rotate-key            replace the node key
  microlinkd down | up             take the node off the tailnet and back; it keeps its identity
  microlinkd logout                leave the tailnet and forget the identity
  microlinkd replay FILE           repeat a recorded run and compare

Every command:
  --state-dir DIR          where the identity is kept (root: /var/lib/microlink)
  --socket PATH            the daemon's socket (STATE_DIR/microlinkd.sock)
  --log-level LEVEL        error, warning, info, debug or trace
  --help, --version

The daemon:
  --control-url URL        coordination server (https://controlplane.tailscale.com)
  --auth-key-file FILE     auth key for the first registration; "-" reads standard input
  --hostname NAME          name to ask for (the machine's)
  --ca-file FILE           further CA certificates, PEM
  --control-key KEY        the server's key, pinned ("mkey:...")
  --listen-port PORT       UDP port (any)
  --request-tags TAGS      e.g. tag:sensor,tag:lab
  --relay-only             never use UDP
  --insecure-plain-http    allow a control URL without TLS: for tests
  --record FILE            record what happens, for replay
  --start-down             wait for "microlinkd up"
  --tun NAME               the tailnet as an interface of this machine; needs root
  --serve PORT[,PORT...]   let peers reach these ports of 127.0.0.1, TCP and UDP
  --socks5 ADDR:PORT       SOCKS 5 proxy that leads to the peers
  --allow-peer PEER        only this peer may talk with the node: name, address, block, tag:NAME or nodekey:KEY; may be
                           repeated
  --priority-peer PEER     this peer keeps its place in the table whoever else comes; may be repeated
  --forward LOCAL:PEER:PORT  a port of this machine that leads to a peer's; may be repeated

Commands to the daemon:
  --json                   the daemon's answer as it is
  --timeout SECONDS        give up after that (10)
  -c, --count N            ping: how often (1)
  --until-direct           ping: until the path is direct
  --wait SECONDS           up: wait until the node is online

Exit status: 0 done, 1 failed, 2 usage, 3 no daemon, 4 refused or login needed, 5 state directory, 6 timed out,
7 unknown peer, 8 replay differs.
)";
}

}  // namespace microlink::tools
