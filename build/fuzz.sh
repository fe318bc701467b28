#!/usr/bin/env bash
# Runs every fuzz target of every package for FUZZTIME each. A failing input is kept by go under testdata/fuzz beside the test.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
time=${FUZZTIME:-20s}

# `go test -list` prints a package's matching names, then "ok <package>".
listed=$(go test -list '^Fuzz' ./...) || { echo "$listed" >&2; exit 1; }
targets=$(awk '/^Fuzz/{names[n++]=$1} $1=="ok"{for(i=0;i<n;i++) print $2, names[i]; n=0}' <<<"$listed")
[ -n "$targets" ] || { echo "fuzz: no fuzz target in any package" >&2; exit 1; }

failed=0
while read -r package name; do
  echo "fuzz: $package $name for $time"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" </dev/null || { failed=$((failed + 1)); echo "fuzz: $package $name FAILED"; }
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, $failed failed"
[ "$failed" -eq 0 ]
