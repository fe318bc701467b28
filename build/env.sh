# shellcheck shell=bash
# The environment of every build, test and lint run. Source it from the root of the repository; sourcing twice changes nothing.
# By hand: eval "$(make -s env)", then plain `go test ./store` shares its build cache with make.

CRFLINK_ROOT=${CRFLINK_ROOT:-$PWD}
CRFLINK_CACHE=${CRFLINK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crflink}

# One set of flags for all, or the C of SQLite would be compiled once per set.
export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -DSQLITE_DEFAULT_MEMSTATUS=0"
own_goflags=${GOFLAGS-$(go env GOFLAGS 2>/dev/null || true)}   # also those of `go env -w`
case " $own_goflags " in
  *" -tags=sqlite_omit_load_extension "*) ;;
  *) export GOFLAGS="${own_goflags:+$own_goflags }-trimpath -tags=sqlite_omit_load_extension" ;;
esac

# Debian keeps initdb and pg_ctl off the PATH, and Orthanc in /usr/sbin, which is off the PATH of ordinary users.
path_append() { case ":$PATH:" in *":$1:"*) ;; *) PATH="$PATH:$1" ;; esac; }
path_append "$CRFLINK_ROOT/.tools/bin"
for bin in /usr/lib/postgresql/*/bin; do [ -x "$bin/initdb" ] && postgres_bin=$bin; done
[ -z "${postgres_bin:-}" ] || path_append "$postgres_bin"
path_append /usr/sbin
export PATH

# Engines of others that tests compare with.
if [ -z "${CRFLINK_FHIRPATH_JS:-}" ]; then
  engines_key=$(sha256sum "$CRFLINK_ROOT/build/npm/package.json")
  export CRFLINK_FHIRPATH_JS="$CRFLINK_CACHE/peers/engines-${engines_key:0:12}"
fi

# Test data and test servers that are not part of the repository; tests that need them look here.
if [ -z "${CRFLINK_SHARED:-}" ] && [ -d "$CRFLINK_ROOT/../shared" ]; then
  CRFLINK_SHARED=$(cd "$CRFLINK_ROOT/../shared" && pwd)
fi
if [ -n "${CRFLINK_SHARED:-}" ]; then
  export CRFLINK_SHARED
  peer_source=$CRFLINK_SHARED/peers/fhir-server
  if [ -z "${CRFLINK_FHIR_PEER:-}" ] && [ -f "$peer_source/package.json" ]; then
    peer_key=$(sha256sum "$peer_source/package.json")
    export CRFLINK_FHIR_PEER="$CRFLINK_CACHE/peers/fhir-server-${peer_key:0:12}"
  fi
fi
