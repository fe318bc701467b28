# shellcheck shell=bash
# Programs that come from Debian: which are missing, and how they are installed. Sourced by build/setup.sh.

orthanc_plugin=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
policy=/usr/sbin/policy-rc.d
policy_kept=/usr/sbin/policy-rc.d.before-crflink

has() { command -v "$1" >/dev/null 2>&1; }
has_libc_headers() { [ -e /usr/include/stdlib.h ]; }
has_browser() { has chromium || has chromium-browser || has google-chrome; }

# missing_packages GROUP... prints the Debian packages that these groups lack, one a line.
missing_packages() {
  local group
  for group in "$@"; do
    case $group in
      compiler)
        has gcc || echo gcc
        has_libc_headers || echo libc6-dev ;;
      database)
        { has initdb && has pg_ctl && has postgres; } || echo postgresql ;;
      binutils)
        has readelf || echo binutils ;;
      servers)
        missing_packages database
        has Orthanc || echo orthanc
        [ -e "$orthanc_plugin" ] || echo orthanc-dicomweb
        has dump2dcm || echo dcmtk
        has curl || echo curl
        has ip || echo iproute2
        has systemd-analyze || echo systemd
        [ -d /usr/lib/python3/dist-packages/pydicom ] || echo python3-pydicom
        has_browser || echo chromium
        has promtool || echo prometheus
        has openssl || echo openssl
        has xmllint || echo libxml2-utils
        has sqlite3 || echo sqlite3
        { has java && has javac; } || echo default-jdk-headless ;;
      node)
        has node || echo nodejs
        has npm || echo npm ;;
    esac
  done
}

debian_need() {
  local packages
  mapfile -t packages < <(missing_packages "$@")
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    printf 'setup: missing: %s\n' "${packages[@]}" >&2
    die "install them on Debian with: sudo apt-get install --no-install-recommends ${packages[*]}"
  fi
  printf 'setup: installing %s\n' "${packages[*]}" >&2
  install_quietly "${packages[@]}"
  hash -r
  . build/env.sh
  mapfile -t packages < <(missing_packages "$@")
  [ ${#packages[@]} -eq 0 ] || die "still missing after apt-get: ${packages[*]}"
}

# install_quietly runs in a subshell so that the old policy comes back however it ends.
install_quietly() (
  trap restore_policy EXIT
  trap 'exit 130' INT TERM HUP
  forbid_services
  twice apt-get update -qq || die "apt-get update failed twice: see the messages above"
  twice apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" ||
    die "apt-get install failed twice: see the messages above"
)

# forbid_services keeps package scripts from starting a server on its default port (Debian Policy 9.3.3.1: exit 101).
forbid_services() {
  [ -e "$policy_kept" ] || [ ! -e "$policy" ] || mv "$policy" "$policy_kept"
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

restore_policy() {
  rm -f "$policy"
  [ ! -e "$policy_kept" ] || mv "$policy_kept" "$policy"
}

# twice runs a package manager command once more after a pause: mirrors and locks fail now and then.
twice() {
  DEBIAN_FRONTEND=noninteractive "$@" </dev/null >&2 && return
  echo "setup: $1 failed, trying once more" >&2
  sleep 5
  DEBIAN_FRONTEND=noninteractive "$@" </dev/null >&2
}
