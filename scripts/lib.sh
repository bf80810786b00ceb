# Shared by the scripts: find a Python, make a virtual environment, install system packages.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# Where servers and their tools are, which a user's own PATH often lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
    printf '%s\n' "$candidate"
    return
  done
  fail "Python 3.10 or newer is needed. On Debian or Ubuntu: sudo apt-get install python3 python3-venv"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else return 1
  fi
}

install_system() { # PACKAGE...: from the distribution, where that can be done
  command -v apt-get >/dev/null 2>&1 || return 1
  say "installing $* with apt-get (half a minute)"
  as_root apt-get update -qq >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

make_venv() { # DIRECTORY
  local python
  python=$(find_python)
  [ -x "$1/bin/pip" ] && return
  say "creating $1 with $("$python" --version)"
  if ! "$python" -m venv "$1" >/dev/null 2>&1; then
    rm -rf "$1"
    install_system python3-venv || fail "'$python -m venv' does not work: install python3-venv"
    "$python" -m venv "$1"
  fi
}

pip_install() { # VENV ARGUMENT...: tells what it downloads and builds, not every requirement
  local venv=$1 line
  shift
  "$venv/bin/python" -m pip install --progress-bar off --disable-pip-version-check "$@" \
    2> >(grep -v '^WARNING: Location' >&2) |
    while read -r line; do
      case $line in
        Installing\ collected*) printf '    unpacking them: half a minute, more on a slow disk\n' >&2 ;;
        Downloading* | Building* | Installing*) printf '    %.96s\n' "$line" >&2 ;;
      esac
    done
}
