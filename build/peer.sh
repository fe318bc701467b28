# shellcheck shell=bash
# The independent R4 FHIR server that the REST tests run against, from npm. Sourced by build/setup.sh.
# It is installed into a cache folder named by the hash of its package.json; tests find it by CRFLINK_FHIR_PEER.

peer_need() {
  if [ ! -f "${peer_source:-}/package.json" ]; then
    [ "${CRFLINK_REQUIRE:-}" != all ] || die "no peers/fhir-server under CRFLINK_SHARED (${CRFLINK_SHARED:-unset})"
    echo "setup: no peers/fhir-server under CRFLINK_SHARED: tests against a foreign FHIR server will be skipped" >&2
    return 0
  fi
  peer_is_ready && return
  peer_install
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
