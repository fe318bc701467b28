#!/usr/bin/env bash
# Runs all tests, then the concurrent packages with the race detector. The last line is "N passed, N failed[, N skipped]",
# counted from go's own event stream; it is also left in .out/tests for .ci/run.
set -uo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
race_packages="ecrf/redcap pipeline store schedule telemetry notice internal/wire"
mkdir -p .out
rm -f .out/*.json .out/tests
status=0

run() { # run NAME ARGUMENT...: one pass, its events in .out/NAME.json
  local name=$1
  shift
  .tools/bin/gotestsum --format pkgname --format-hide-empty-pkg --hide-summary=skipped --jsonfile ".out/$name.json" -- \
    -timeout 20m "$@" </dev/null || status=1
}

run all ./...
race=()
for folder in $race_packages; do [ ! -d "$folder" ] || race+=("./$folder/..."); done
[ ${#race[@]} -eq 0 ] || run race -race -short "${race[@]}"

# What a proxy does to the wire; in a module of its own, so that the product does not depend on the proxy.
(cd build/wire && ../../.tools/bin/gotestsum --format pkgname --format-hide-empty-pkg --hide-summary=skipped --jsonfile ../../.out/wire.json -- -timeout 10m ./... </dev/null) || status=1

count() { # count ACTION: tests and subtests that ended so
  cat .out/*.json | grep -cE "^\{\"Time\":\"[^\"]*\",\"Action\":\"$1\",\"Package\":\"[^\"]*\",\"Test\":"
}
# A package that does not compile fails without failing a test; it counts as one.
broken=$(cat .out/*.json | grep -cE '^\{"Time":"[^"]*","Action":"fail","Package":"[^"]*",[^{]*"FailedBuild":')
passed=$(count pass) failed=$(($(count fail) + broken)) skipped=$(count skip)
if [ $((passed + failed)) -eq 0 ]; then
  echo "test: no test ran" >&2
  status=1
fi
# Nor does one that exits outside a test.
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line" | tee .out/tests
exit "$status"
