#!/usr/bin/env bash
# Creates .venv with the first Python that suits, and installs the project into it with the versions of constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

suits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
makes_venvs='import ensurepip, venv'

find_python() { # prints the first Python that suits and passes the given program, too
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if "$name" -c "$suits" 2>/dev/null && "$name" -c "$1" 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

install_venv_package() { # Debian and Ubuntu keep ensurepip in a package of its own
  local root=""
  [ "$(id -u)" = 0 ] || root="sudo -n"
  $root apt-get update -q >/dev/null && $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$1" >/dev/null
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python "$makes_venvs")
  if [ -z "$python" ]; then
    bare=$(find_python "pass")
    if [ -z "$bare" ]; then
      echo "No Python 3.11, 3.12 or 3.13 on PATH: install one." >&2
      exit 1
    fi
    package=$("$bare" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')
    if ! install_venv_package "$package"; then
      echo "$bare cannot make virtual environments: install the package $package." >&2
      exit 1
    fi
    python=$bare
  fi
  echo "Creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
echo "Installing the project into .venv"
.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
