#!/usr/bin/env bash
# Sees to it that what a make target needs is there: build/setup.sh build|test|lint|bench|release|all
#   build  Go and a C compiler
#   test   also PostgreSQL, Orthanc, promtool, dcmtk, pydicom, Chromium, xmllint, node and npm, the FHIR test server, gotestsum
#   lint   build, golangci-lint, gosec
#   release build, cyclonedx-gomod
#   bench  build, PostgreSQL, node and npm, the engines of others that bench compares with
# As root on Debian it installs what is missing and starts no service. Otherwise it lists what is missing, with the command
# that installs it, and exits 1. When all is there it costs some milliseconds.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
. build/debian.sh
. build/tools.sh
. build/peer.sh

die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

need_go() {
  command -v go >/dev/null || die "go is missing: install Go $(awk '$1=="go"{print $2}' go.mod) or newer from https://go.dev/dl/"
}

case ${1:-all} in
  build) need_go; debian_need compiler ;;
  test)  need_go; debian_need compiler servers node; peer_need; engines_need; tool_need gotestsum ;;
  lint)  need_go; debian_need compiler; tool_need golangci-lint gosec ;;
  release) need_go; debian_need compiler binutils; tool_need cyclonedx-gomod ;;
  bench) need_go; debian_need compiler database node; engines_need ;;
  all)   need_go; debian_need compiler servers node; peer_need; engines_need; tool_need gotestsum golangci-lint gosec ;;
  *)     die "unknown need \"$1\": one of build, test, lint, bench, release, all" ;;
esac
