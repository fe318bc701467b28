#!/usr/bin/env bash
# Makes what is handed to hospitals in dist/: one static program, its bill of materials (CycloneDX), and their checksums.
# The same commit, Go and C compiler give the same bytes, wherever it is built.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
name=crflink-$(go env GOOS)-$(go env GOARCH)
rm -rf dist
mkdir -p dist

# Static: nothing of the machine is needed but its kernel. The C library's own look-ups of hosts and users would load more at run
# time, so Go's take their place; time zones are carried along.
go build -tags sqlite_omit_load_extension,netgo,osusergo,timetzdata -ldflags '-s -w -linkmode external -extldflags "-static"' -o "dist/$name" ./cmd/crflink
interpreter=$(readelf --program-headers "dist/$name" | grep -c INTERP || true)
[ "$interpreter" = 0 ] || { echo "release: dist/$name is not static" >&2; exit 1; }

# What is in the program itself, read from it: not what a build might take.
.tools/bin/cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp -output "dist/$name.cdx.json" "dist/$name" 2>dist/sbom.log || { cat dist/sbom.log >&2; exit 1; }
rm dist/sbom.log
(cd dist && sha256sum "$name" "$name.cdx.json" >SHA256SUMS)
cat dist/SHA256SUMS
