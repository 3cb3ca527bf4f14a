# Read by scripts/demo and scripts/test: installs what is missing of the packages named, on Debian 12 and Ubuntu 24.04.
# shellcheck shell=bash

packages_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

# Does nothing where all are there; elsewhere says what it installs. Needs root, or sudo.
packages_install() {
    local missing as_root=()
    if ! command -v apt-get >/dev/null; then
        printf 'No apt-get here: the packages needed are, by their names in Debian: %s\n' "$*" >&2
        return 0
    fi
    mapfile -t missing < <(packages_missing "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { printf 'As root, run: apt-get install %s\n' "${missing[*]}" >&2; return 1; }
        as_root=(sudo)
    fi
    printf 'Installing with apt-get: %s\n' "${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

# What the compiler is built from. libc6-dev and binutils also serve programs that use a compiled network.
# shellcheck disable=SC2034 # for those who read this file
BUILD_PACKAGES=(gcc libc6-dev binutils cmake ninja-build pkg-config flex bison llvm-19-dev libjansson-dev libzip-dev
    libpng-dev libjpeg-dev)
