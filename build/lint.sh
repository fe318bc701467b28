#!/usr/bin/env bash
# Format, vet, import table and house rules (.golangci.yml), then gosec. Exceptions stand in the code with their reason:
#   //nolint:LINTER // reason        // #nosec G304 -- reason
set -uo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
status=0
step() { echo "lint: $1" >&2; shift; "$@" || status=1; }

shell_syntax() { local file rc=0; for file in build/*.sh .ci/run; do bash -n "$file" || rc=1; done; return $rc; }

step "shell scripts parse" shell_syntax
step "golangci-lint" .tools/bin/golangci-lint run ./...
# G104, an unhandled error, is errcheck's part: it knows which may be ignored.
step "gosec" .tools/bin/gosec -quiet -color=false -exclude=G104 -exclude-generated -nosec-require-rules -nosec-require-justification \
  -tags sqlite_omit_load_extension ./...
exit "$status"
