# shellcheck shell=bash
# The independent R4 FHIR server that the REST tests run against, from npm. Sourced by build/setup.sh.
# It is installed into a cache folder named by the hash of its package.json; tests find it by CRFLINK_FHIR_PEER.

peer_need() {
  if [ ! -f "${peer_source:-}/package.json" ]; then
    peer_absent "no peers/fhir-server under CRFLINK_SHARED (${CRFLINK_SHARED:-unset})"
  elif peer_is_ready; then
    return 0
  elif ! node_is_recent; then
    peer_absent "the FHIR test server needs node 20.19 or newer, here is $(node --version)"
  else
    peer_install
  fi
}

# peer_absent is a note for a newcomer, and an error where every test must run.
peer_absent() {
  [ "${CRFLINK_REQUIRE:-}" != all ] || die "$1"
  echo "setup: $1: tests against a foreign FHIR server are skipped" >&2
}

node_is_recent() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || a === 20 && b >= 19 ? 0 : 1)'
}

# peer_is_ready compares the program too: only package.json names the folder.
peer_is_ready() {
  [ -d "$CRFLINK_FHIR_PEER/node_modules" ] && cmp -s "$peer_source/server.mjs" "$CRFLINK_FHIR_PEER/server.mjs"
}

peer_install() {
  local scratch
  echo "setup: installing the FHIR test server with npm (once, about 100 MB)" >&2
  mkdir -p "$(dirname "$CRFLINK_FHIR_PEER")"
  scratch=$(mktemp -d "$CRFLINK_FHIR_PEER.XXXXXX")
  cp "$peer_source/package.json" "$peer_source/server.mjs" "$scratch/"
  chmod -R u+w "$scratch"
  if ! (cd "$scratch" && twice npm install --no-audit --no-fund --loglevel=error); then
    rm -rf "$scratch"
    die "npm install of the FHIR test server failed twice: see the messages above"
  fi
  chmod 755 "$scratch"
  rm -rf "$CRFLINK_FHIR_PEER"
  mv "$scratch" "$CRFLINK_FHIR_PEER"
}
