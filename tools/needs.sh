#!/bin/sh
# Checks for what a system may lack, and says how to get it.
#
#   needs.sh venv             Python with its venv module, without which nothing works
#   needs.sh tests PART ...   chromium, firefox, webkit, nginx, java, logrotate, pgbouncer, promtool, podman or debootstrap:
#                             the tests that need a missing part are skipped, those of podman and debootstrap fail
#
# As root on a Debian-like system, it installs what is missing. It never asks for anything. With CI set, a missing part is
# an error.
set -eu

apt() {
  apt-get -qq -o Acquire::http::Timeout=30 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60 "$@" </dev/null
}

install() { # package, what it is for
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then return 1; fi
  echo "Installing $1 ($2)"
  export DEBIAN_FRONTEND=noninteractive
  apt install -y --no-install-recommends "$1" >/dev/null 2>&1 ||
    { apt update && apt install -y --no-install-recommends "$1" >/dev/null; }
}

has() { # the names that a program may have
  # Debian keeps nginx in /usr/sbin, which is not on everybody's path
  for name in "$@"; do
    if [ -n "$name" ] && PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$name" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

missing=
part() { # package, what it is, which tests need it, the names that it may have
  package=$1 what=$2 tests=$3
  shift 3
  if has "$@" || install "$package" "$what"; then return 0; fi
  missing="$missing $package"
  echo "Missing: $what. Skipped without it: $tests."
}

# A file's path has no name on the search path, but can be run; `sh` stands for one that is there
gstreamer_codecs() {
  for file in /usr/lib/*/gstreamer-1.0/libgstlibav.so /usr/lib*/gstreamer-1.0/libgstlibav.so; do
    if [ -e "$file" ]; then
      echo sh
      return
    fi
  done
}

python() {
  python=${PYTHON:-python3}
  has "$python" || { echo "Missing: Python 3.11 or newer ($python)" >&2; exit 1; }
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python 3.11 or newer is needed; $python is $version. Try: make PYTHON=python3.12 …" >&2; exit 1; }
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install "python$version-venv" "Python's venv module" || {
    echo "Missing: Python's venv module. Run this line as root, then try again:" >&2
    echo "  apt-get install -y python$version-venv" >&2
    exit 1
  }
}

case ${1:-} in
venv) python ;;
tests)
  shift
  for name in "$@"; do
    case $name in
    chromium)
      part chromium "a Chromium browser" "the tests in a browser (tests/journeys)" \
        "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable
      ;;
    firefox) part firefox-esr "Firefox" "the journeys in Firefox (tests/journeys/test_other_browsers.py)" "${FIREFOX:-}" firefox-esr firefox ;;
    webkit)
      journeys="the journeys in WebKit (tests/journeys/test_other_browsers.py)"
      part webkitgtk-webdriver "WebKitGTK" "$journeys" WebKitWebDriver
      part gstreamer1.0-libav "GStreamer's codecs" "$journeys" "$(gstreamer_codecs)"
      part xvfb "a screen for WebKitGTK" "$journeys" Xvfb
      ;;
    nginx) part nginx "nginx" "tests/web/test_nginx.py and tests/journeys/test_behind_tls.py" "${NGINX:-nginx}" ;;
    logrotate) part logrotate "logrotate" "the check of its rules (tests/contracts/test_deploy.py)" logrotate ;;
    promtool) part prometheus "Prometheus' promtool" "the checks of its rules (tests/contracts/test_observability.py)" promtool ;;
    java) part default-jre-headless "Java" "the validation of all pages (tests/contracts/test_html.py)" java ;;
    podman) # with Debian's other parts for networks
      part podman-compose "podman" "make test-containers" podman-compose
      ;;
    debootstrap) part debootstrap "debootstrap" "make test-containers" debootstrap ;;
    pgbouncer) part pgbouncer "PgBouncer" "tests/engines/test_pgbouncer.py" pgbouncer ;;
    *)
      echo "needs.sh: no such part: $name" >&2
      exit 2
      ;;
    esac
  done
  if [ -z "$missing" ]; then exit 0; fi
  echo "To get what is missing, run this line as root, then try again:"
  echo "  apt-get install -y$missing"
  if [ -n "${CI:-}" ]; then
    echo "CI is set, so no test can be skipped." >&2
    exit 1
  fi
  ;;
*)
  echo "usage: needs.sh venv | needs.sh tests chromium|firefox|webkit|nginx|java|logrotate|pgbouncer|promtool|podman|debootstrap ..." >&2
  exit 2
  ;;
esac
