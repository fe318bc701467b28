# shellcheck shell=bash
# What others wrote and tests compare with, from npm: the independent R4 FHIR server that the REST tests run against
# (CRFLINK_FHIR_PEER), and the engines of build/npm/package.json (CRFLINK_FHIRPATH_JS). Sourced by build/setup.sh.
# Each is installed into a cache folder named by the hash of its package.json.

peer_need() {
  if [ ! -f "${peer_source:-}/package.json" ]; then
    peer_absent "no peers/fhir-server under CRFLINK_SHARED (${CRFLINK_SHARED:-unset})"
  elif peer_is_ready "$CRFLINK_FHIR_PEER" "$peer_source" server.mjs; then
    return 0
  elif ! node_is_recent; then
    peer_absent "the FHIR test server needs node 20.19 or newer, here is $(node --version)"
  else
    peer_install "the FHIR test server" "$CRFLINK_FHIR_PEER" "$peer_source" server.mjs
  fi
}

engines_need() {
  if peer_is_ready "$CRFLINK_FHIRPATH_JS" build/npm package.json; then
    return 0
  elif ! node_is_recent; then
    peer_absent "the engines to compare with need node 20.19 or newer, here is $(node --version)"
  else
    peer_install "the engines to compare with" "$CRFLINK_FHIRPATH_JS" build/npm package.json
  fi
}

# peer_absent is a note for a newcomer, and an error where every test must run.
peer_absent() {
  [ "${CRFLINK_REQUIRE:-}" != all ] || die "$1"
  echo "setup: $1: tests that compare with it are skipped" >&2
}

node_is_recent() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || a === 20 && b >= 19 ? 0 : 1)'
}

# peer_is_ready FOLDER SOURCE FILE compares the file too: only package.json names the folder.
peer_is_ready() {
  [ -d "$1/node_modules" ] && cmp -s "$2/$3" "$1/$3"
}

# peer_install WHAT FOLDER SOURCE FILE
peer_install() {
  local what=$1 folder=$2 source=$3 file=$4 scratch
  echo "setup: installing $what with npm (once, about 100 MB)" >&2
  mkdir -p "$(dirname "$folder")"
  scratch=$(mktemp -d "$folder.XXXXXX")
  cp "$source/package.json" "$scratch/"
  cp "$source/$file" "$scratch/"
  chmod -R u+w "$scratch"
  if ! (cd "$scratch" && twice npm install --no-audit --no-fund --loglevel=error); then
    rm -rf "$scratch"
    die "npm install of $what failed twice: see the messages above"
  fi
  chmod 755 "$scratch"
  rm -rf "$folder"
  mv "$scratch" "$folder"
}
