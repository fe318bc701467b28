# shellcheck shell=bash
# Go tools by exact version, linked into .tools/bin. Sourced by build/setup.sh.
# The binaries are kept outside the clone, by tool version and Go version: a linter built by an older Go refuses newer code.

tool_module() {
  case $1 in
    golangci-lint) echo github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 ;;
    gosec)         echo github.com/securego/gosec/v2/cmd/gosec@v2.30.0 ;;
    gotestsum)     echo gotest.tools/gotestsum@v1.13.0 ;;
    cyclonedx-gomod) echo github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 ;;
    *)             die "unknown tool \"$1\"" ;;
  esac
}

tool_need() {
  local name module folder goversion
  goversion=$(go env GOVERSION)
  mkdir -p .tools/bin
  for name in "$@"; do
    module=$(tool_module "$name")
    folder=$CRFLINK_CACHE/tools/$name-${module##*@}-$goversion
    [ -x "$folder/$name" ] || tool_build "$name" "$module" "$folder"
    [ .tools/bin/"$name" -ef "$folder/$name" ] || ln -sfn "$folder/$name" .tools/bin/"$name"
  done
}

# tool_build compiles beside its place and moves the result, so that an interrupted build leaves nothing half done.
tool_build() {
  local name=$1 module=$2 folder=$3 scratch
  echo "setup: building $module (once, some minutes at most)" >&2
  mkdir -p "$folder"
  scratch=$(mktemp -d "$folder/build.XXXXXX")
  if ! GOBIN=$scratch GOFLAGS=-trimpath CGO_ENABLED=0 go install "$module" </dev/null; then
    rm -rf "$scratch"
    die "could not build $module: is the Go module proxy reachable?"
  fi
  mv "$scratch/$name" "$folder/$name"
  rmdir "$scratch"
}
