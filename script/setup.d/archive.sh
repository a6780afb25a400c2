# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Reading other Debian suites than the machine's own, without touching its apt configuration. To be sourced.

# archive_open DIR TYPE SUITE...: private package lists in DIR, for TYPE "deb" or "deb-src", from the mirror that the
# machine's apt already uses; signatures are checked against Debian's own keyring. Afterwards `archive_get` and
# `archive_cache` are apt-get and apt-cache on those lists, to which nothing seems installed.
archive_open() {
  local directory=$1 type=$2 mirror suite
  shift 2
  mkdir -p "$directory"/{lists/partial,archives/partial}
  : >"$directory/status"
  # shellcheck disable=SC2016  # the words are apt's, not the shell's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | sort -u | head -n 1)
  if [[ -z $mirror ]]; then
    echo "apt knows no Debian mirror here: add one to /etc/apt/sources.list and run apt-get update"
    return 1
  fi
  for suite in "$@"; do
    echo "$type [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >"$directory/sources.list"
  ARCHIVE_OPTIONS=(-oDir::Etc::sourcelist="$directory/sources.list" -oDir::Etc::sourceparts=/dev/null
    -oDir::State::lists="$directory/lists" -oDir::Cache="$directory" -oDir::State::status="$directory/status"
    -oAPT::Sandbox::User=root -oAcquire::Languages=none -oAcquire::Retries=3
    -oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  archive_get update
}

archive_get() { apt-get "${ARCHIVE_OPTIONS[@]}" -q -y "$@"; }
archive_cache() { apt-cache "${ARCHIVE_OPTIONS[@]}" "$@"; }
