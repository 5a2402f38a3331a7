#!/usr/bin/env bash
# Creates .venv with the first Python that suits, and installs the project into it with the versions of constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

suits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
makes_venvs='import ensurepip, venv'
# The decoders of rows are compiled.
compiles='
import pathlib, shutil, sys, sysconfig
compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
sys.exit(not (shutil.which(compiler) and pathlib.Path(sysconfig.get_paths()["include"], "Python.h").is_file()))'

find_python() { # prints the first Python that suits and passes the given program, too
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if "$name" -c "$suits" 2>/dev/null && "$name" -c "$1" 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

install_packages() { # of Debian and Ubuntu
  local root=""
  [ "$(id -u)" = 0 ] || root="sudo -n"
  $root apt-get update -q >/dev/null && $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python "$makes_venvs")
  if [ -z "$python" ]; then
    bare=$(find_python "pass")
    if [ -z "$bare" ]; then
      echo "No Python 3.11, 3.12 or 3.13 on PATH: install one." >&2
      exit 1
    fi
    # Debian and Ubuntu keep ensurepip in a package of its own
    package=$("$bare" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')
    if ! install_packages "$package"; then
      echo "$bare cannot make virtual environments: install the package $package." >&2
      exit 1
    fi
    python=$bare
  fi
  echo "Creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
if ! .venv/bin/python -c "$compiles"; then
  headers=$(.venv/bin/python -c 'import sys; print("python{}.{}-dev".format(*sys.version_info))')
  if ! install_packages gcc libc6-dev "$headers" || ! .venv/bin/python -c "$compiles"; then
    echo "A C compiler and Python's headers are needed: install gcc, libc6-dev and $headers." >&2
    exit 1
  fi
fi
echo "Installing the project into .venv"
.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
