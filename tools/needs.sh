#!/bin/sh
# Checks for what a system may lack: `needs.sh venv`, `chromium`, `nginx` or `java`.
# Installs it where it may (root on a Debian-like system), else prints the one line to run.
set -eu

install() { # package, what it is for
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $1 ($2)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 ||
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1" >/dev/null; }
  else
    echo "Missing: $2. Run this line, then try again:" >&2
    echo "  sudo apt-get install -y $1" >&2
    exit 1
  fi
}

case ${1:-} in
venv)
  python=${PYTHON:-python3}
  command -v "$python" >/dev/null 2>&1 || { echo "Missing: Python 3.11 or newer ($python)" >&2; exit 1; }
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python 3.11 or newer is needed; $python is $version. Try: make PYTHON=python3.12 …" >&2; exit 1; }
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install "python$version-venv" "Python's venv module"
  ;;
chromium)
  for name in ${CHROMIUM:-} chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
  done
  install chromium "a Chromium for the browser tests"
  ;;
nginx)
  # Debian keeps it in /usr/sbin, which is not on everybody's path
  PATH=$PATH:/usr/sbin:/usr/local/sbin
  if command -v "${NGINX:-nginx}" >/dev/null 2>&1; then exit 0; fi
  install nginx "nginx for the tests behind TLS"
  ;;
java)
  command -v java >/dev/null 2>&1 || install default-jre-headless "a Java for the validator of pages"
  ;;
*)
  echo "usage: needs.sh venv|chromium|nginx|java" >&2
  exit 2
  ;;
esac
